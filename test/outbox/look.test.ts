import t from 'tap'
import { look } from '../../src/outbox/look.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const standing = async (id: string) => (await look(stage.session, [id]))[0]

t.test('a row that could start, and one that is not there', async t => {
  const id = await stage.insert()
  const { lane, message_id: messageId } = await stage.row(id)
  t.same(await look(stage.session, [id, '9223372036854775807']), [
    {
      id,
      messageId,
      lane,
      status: 'pending',
      attempts: 0,
      claimedEpoch: null,
      dueInMs: 0,
      expired: false,
      held: false,
      parked: false,
      blockedBy: null,
    },
  ])
})

t.test('when it is due, in milliseconds; what is past or parked could start at once', async t => {
  const later = await standing(await stage.insert({ due_at: new Date(Date.now() + 60_000).toISOString() }))
  t.ok(later && later.dueInMs > 45_000 && later.dueInMs <= 60_000, String(later?.dueInMs))
  t.equal((await standing(await stage.insert({ due_at: 'yesterday' })))?.dueInMs, 0)
  const parked = await stage.insert()
  await stage.force(parked, `due_at = 'infinity'`)
  t.match(await standing(parked), { dueInMs: 0, parked: true })
})

t.test('the earliest unsettled row of its key before it', async t => {
  const ids: string[] = []
  for (let i = 0; i < 4; i += 1) ids.push(await stage.insert({ ordering_key: 'k' }))
  await stage.insert({ ordering_key: 'k1' })
  const [first = '', second = '', third = '', last = ''] = ids
  t.same(
    (await look(stage.session, ids)).map(({ id, blockedBy }) => [id, blockedBy]).sort(),
    [
      [first, null],
      [second, first],
      [third, first],
      [last, first],
    ].sort(),
  )
  await stage.force(first, `status = 'dead', settled_at = now(), dead_at = now()`)
  t.match(await standing(last), { blockedBy: second })
  t.match(await standing(first), { status: 'dead', blockedBy: null })
})

t.test('expired, held, claimed under which epoch', async t => {
  t.match(await standing(await stage.insert({ expires_at: 'yesterday' })), { expired: true })
  t.match(await standing(await stage.insert({ expires_at: 'tomorrow' })), { expired: false })
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/a', '')`)
  t.match(await standing(await stage.insert({ url: 'https://HELD.test.:443/a?b' })), { held: true })
  t.match(await standing(await stage.insert({ url: 'https://held.test/ab' })), { held: false })
  const id = await stage.insert()
  await stage.force(id, `status = 'claimed', attempts = 3, claimed_epoch = 9007199254740993, claimed_at = now()`)
  t.match(await standing(id), { status: 'claimed', attempts: 3, claimedEpoch: '9007199254740993' })
})
