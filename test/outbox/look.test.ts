import t from 'tap'
import { look } from '../../src/outbox/look.ts'
import { hashtext } from '../fixtures/hashtext.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const epoch = '9007199254740993'
const standing = async (id: string) => (await look(stage.session, epoch, [id]))[0]
const claimedUnder = (by: string) => `status = 'claimed', attempts = 3, claimed_epoch = ${by}, claimed_at = now()`

t.test('a row that could start, and one that is not there', async t => {
  const id = await stage.insert({
    ordering_key: 'alone',
    due_at: '2026-01-31 08:00:00.123457+00',
    created_at: '2026-01-01',
  })
  const { message_id: messageId } = await stage.row(id)
  const dueUs = Date.parse('2026-01-31T08:00:00Z') * 1_000 + 123_457
  t.same(await look(stage.session, epoch, [id, '9223372036854775807']), [
    {
      id,
      messageId,
      status: 'pending',
      attempts: 0,
      claimedEpoch: null,
      row: {
        id,
        orderingKey: 'alone',
        origin: 'https://receiver.test',
        urlHash: hashtext('https://receiver.test/a'),
        dueUs,
        standing: 'due',
        rev: 0,
        tried: 0,
        maxAttempts: null,
      },
      expiredMs: null,
      isSuperseded: false,
      isHeld: false,
      isLocked: false,
      first: null,
    },
  ])
})

t.test('when it is due', async t => {
  t.match(await standing(await stage.insert()), { row: { dueUs: null, standing: 'due' } })
  const due = new Date(Date.now() + 60_000)
  const later = await standing(await stage.insert({ due_at: due }))
  t.match(later, { row: { dueUs: due.getTime() * 1_000, standing: 'later' } })
})

t.test('the earliest unsettled row of its key before it, with all that a read would show of it', async t => {
  const ids: string[] = []
  for (let i = 0; i < 4; i += 1) ids.push(await stage.insert({ ordering_key: 'k', url: `https://r${i}.test/` }))
  await stage.insert({ ordering_key: 'k1' })
  const [first = '', second = '', third = '', last = ''] = ids
  const shown = {
    id: first,
    orderingKey: 'k',
    origin: 'https://r0.test',
    urlHash: hashtext('https://r0.test/'),
    dueUs: null,
    standing: 'due',
    rev: 0,
    tried: 0,
    maxAttempts: null,
  }
  for (const [id, before] of [
    [first, null],
    [second, shown],
    [third, shown],
    [last, shown],
  ] as const)
    t.same((await standing(id))?.first, before)
  await stage.force(first, `status = 'dead', settled_at = now(), dead_at = now()`)
  await stage.force(second, claimedUnder('1'))
  t.match(await standing(last), { first: { id: second, standing: 'claimed elsewhere', rev: 1 } })
  await stage.force(second, claimedUnder(epoch))
  t.match(await standing(last), { first: { id: second, standing: 'claimed here', rev: 2 } })
  t.match(await standing(first), { status: 'dead' })
  t.match(await standing(second), { first: null })
})

t.test('expired, held, claimed under which epoch', async t => {
  t.match(await standing(await stage.insert({ expires_at: 'yesterday' })), { expiredMs: Number })
  t.match(await standing(await stage.insert({ expires_at: 'tomorrow' })), { expiredMs: null })
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/a', '')`)
  t.match(await standing(await stage.insert({ url: 'https://HELD.test.:443/a?b' })), { isHeld: true })
  t.match(await standing(await stage.insert({ url: 'https://held.test/ab' })), { isHeld: false })
  const id = await stage.insert()
  const claimed = { status: 'claimed', attempts: 3 }
  await stage.force(id, claimedUnder(epoch))
  t.match(await standing(id), { ...claimed, claimedEpoch: epoch, row: { standing: 'claimed here', rev: 1 } })
  await stage.force(id, claimedUnder('1'))
  t.match(await standing(id), { ...claimed, claimedEpoch: '1', row: { standing: 'claimed elsewhere', rev: 2 } })
})

t.test('whether somebody has it locked: nothing waits to find out, and nothing stays locked', async t => {
  const [locked, free, settled] = [await stage.insert(), await stage.insert(), await stage.insert()]
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [settled])
  const operator = await stage.database.connect()
  await operator.query('begin')
  await operator.query('select from outbox.callback where id = any ($1) for update', [[locked, settled]])
  await stage.session.run(`set lock_timeout = '1ms'`)
  t.match(await standing(locked), { isLocked: true, status: 'pending' })
  t.match(await standing(free), { isLocked: false })
  t.match(await standing(settled), { isLocked: false, status: 'cancelled' })
  await operator.query('rollback')
  t.match(await standing(locked), { isLocked: false })
})
