import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register()

async function claimed(ids: readonly string[]): Promise<string[]> {
  return (await claim(stage.session, epoch, ids)).map(({ id }) => id)
}

const unsettled = {
  'never tried': 'attempts = 0',
  'waiting for its retry': `attempts = 1, claimed_epoch = 1, due_at = now() + interval '1 h'`,
  'put back by its relay': `due_at = clock_timestamp()`,
  claimed: `status = 'claimed', attempts = 1, claimed_epoch = 1, claimed_at = now()`,
}

for (const [how, assignments] of Object.entries(unsettled)) {
  t.test(`an earlier row of the key that is ${how} refuses a later one`, async t => {
    const earlier = await stage.insert({ ordering_key: how })
    const later = await stage.insert({ ordering_key: how })
    await stage.force(earlier, assignments)
    t.same(await claimed([later]), [])
    t.match(await stage.row(later), { status: 'pending', attempts: 0, rev: '0' })
  })
}

for (const status of ['delivered', 'dead', 'cancelled']) {
  t.test(`an earlier row of the key that is ${status} lets a later one go`, async t => {
    const earlier = await stage.insert({ ordering_key: status })
    const later = await stage.insert({ ordering_key: status })
    await stage.force(
      earlier,
      `status = '${status}', settled_at = now(), dead_at = ${status === 'dead' ? 'now()' : 'null'}`,
    )
    t.same(await claimed([later]), [later])
  })
}

t.test('of a key only the first goes, however many are asked for, and in whatever order', async t => {
  const ids = [await stage.insert({ ordering_key: 'one' }), await stage.insert({ ordering_key: 'one' })]
  t.same(await claimed([...ids].reverse()), [ids[0]])
})

t.test('a later row does not refuse an earlier one, and rows without a key refuse none', async t => {
  const earlier = await stage.insert({ ordering_key: 'first' })
  await stage.force(
    await stage.insert({ ordering_key: 'first' }),
    `status = 'claimed', attempts = 1, claimed_epoch = 1, claimed_at = now()`,
  )
  const free = [await stage.insert(), await stage.insert()]
  t.same((await claimed([earlier, ...free])).sort(), [earlier, ...free].sort())
})

t.test('keys are compared whole: prefixes, blanks, case and the empty key are others', async t => {
  const keys = ['', ' ', 'k', 'k ', 'K', 'k1', 'k10', 'k\u0001', 'é', 'e\u0301', 'k'.repeat(512), 'k'.repeat(511)]
  const ids: string[] = []
  for (const key of keys) ids.push(await stage.insert({ ordering_key: key }))
  t.same((await claimed(ids)).sort(), [...ids].sort())
})

t.test('a row that commits late still goes before a younger one of its key that was committed first', async t => {
  const slow = await stage.database.connect()
  await slow.query('begin')
  const earlier = await stage.insert({ ordering_key: 'late' }, slow)
  const later = await stage.insert({ ordering_key: 'late' })
  await slow.query('commit')
  t.same(await claimed([later]), [], 'memory need not know of the earlier one')
  t.same(await claimed([earlier]), [earlier])
})

t.test('a row that has not committed has no place in the order: it overlaps, and refuses nobody', async t => {
  const slow = await stage.database.connect()
  await slow.query('begin')
  const earlier = await stage.insert({ ordering_key: 'open' }, slow)
  const later = await stage.insert({ ordering_key: 'open' })
  t.same(await claimed([later]), [later])
  await slow.query('commit')
  t.same(await claimed([earlier]), [earlier], 'nor is it stopped by the younger one')
})

t.test('a cancellation that has not committed refuses, one that has does not', async t => {
  const operator = await stage.database.connect()
  const earlier = await stage.insert({ ordering_key: 'cancel' })
  const later = await stage.insert({ ordering_key: 'cancel' })
  await operator.query('begin')
  await operator.query(`update outbox.callback set status = 'cancelled' where id = $1`, [earlier])
  t.same(await claimed([later]), [])
  await operator.query('commit')
  t.same(await claimed([later]), [later])
})
