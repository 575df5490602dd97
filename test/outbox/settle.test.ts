import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { type Session, type Statement, textIn } from '../../src/outbox/session.ts'
import { expire, findExpired, giveUp } from '../../src/outbox/settle.ts'
import { Stage } from '../fixtures/stage.ts'
import { claimNew } from './attempts.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register()
t.beforeEach(async () => {
  await stage.query('truncate outbox.callback')
})

const all = 1_000
/** As the relay: finds what has expired, at most so many rows, and ends it. */
async function expireSome(
  under: string,
  limit: number,
  withinMs: number | null = null,
  except: readonly string[] = [],
) {
  const found = await findExpired(stage.session, limit, withinMs, except)
  return expire(stage.session, under, found.ids)
}
const ids = (settled: readonly { readonly id: string }[]) => settled.map(({ id }) => id)

t.test(
  'a pending row past its expiry ends dead, without an attempt, though it is held or waits behind another',
  async t => {
    const tried = await stage.insert({ expires_at: 'yesterday' })
    await stage.force(tried, `attempts = 2, claimed_epoch = 1, last_error = 'refused', last_http_status = 503`)
    const plain = await stage.insert({ expires_at: 'yesterday', due_at: '2000-01-01' })
    const later = await stage.insert({ expires_at: 'yesterday', due_at: 'tomorrow' })
    const held = await stage.insert({ expires_at: 'yesterday', url: 'https://held.test/' })
    await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/', '')`)
    await stage.insert({ ordering_key: 'k' })
    const behind = await stage.insert({ ordering_key: 'k', expires_at: 'yesterday' })
    t.same(ids(await expireSome(epoch, all)), [tried, plain, later, held, behind])
    for (const id of [plain, later, held, behind])
      t.match(await stage.row(id), { status: 'dead', last_error: 'expired', attempts: 0, due_at: null, rev: '1' })
    const row = await stage.row(tried)
    t.match(row, { last_error: 'expired; last attempt: refused', last_http_status: 503, attempts: 2 })
    t.ok(row.settled_at && row.dead_at)
  },
)

t.test('nothing else expires: not yet, never, claimed, settled', async t => {
  const claimed = await stage.insert()
  t.equal((await claim(stage.session, epoch, [claimed])).length, 1)
  await stage.force(claimed, `expires_at = now()`)
  const cancelled = await stage.insert({ expires_at: 'yesterday' })
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [cancelled])
  for (const expires_at of ['tomorrow', null]) await stage.insert({ expires_at })
  t.same(await expireSome(epoch, all), [])
})

t.test('nobody expires or gives up a row without a registration that stands', async t => {
  const id = await stage.insert({ expires_at: 'yesterday' })
  t.same(await expireSome('2', all), [])
  t.same(await giveUp(stage.session, '2', [{ id, reason: 'odd' }]), [])
  t.match(await stage.row(id), { status: 'pending', rev: '0' })
})

t.test('those that expired first come first, at most so many at a time', async t => {
  const [second, first, third] = [
    await stage.insert({ expires_at: '2026-01-02' }),
    await stage.insert({ expires_at: '2026-01-01' }),
    await stage.insert({ expires_at: '2026-01-03' }),
  ]
  t.same(ids(await expireSome(epoch, 2)), [second, first])
  t.same(ids(await expireSome(epoch, 2)), [third])
})

t.test('rows that cannot expire yet, since they are being sent or locked, keep no others from it', async t => {
  const sent = await claimNew(stage, epoch)
  await stage.force(sent.id, `expires_at = '2026-01-01'`)
  const locked = await stage.insert({ expires_at: '2026-01-02' })
  const free = await stage.insert({ expires_at: '2026-01-03' })
  const operator = await stage.database.connect()
  await operator.query('begin')
  await operator.query('select from outbox.callback where id = $1 for update', [locked])
  await stage.session.run(`set lock_timeout = '1ms'`)
  t.same(ids(await expireSome(epoch, 1)), [free])
  await operator.query('rollback')
  t.same(ids(await expireSome(epoch, 1)), [locked])
})

t.test('rows to leave out keep no others from it', async t => {
  const [first, second] = [
    await stage.insert({ expires_at: '2026-01-01' }),
    await stage.insert({ expires_at: 'yesterday' }),
  ]
  t.same(ids(await expireSome(epoch, 1, null, [first, '1000000'])), [second])
  t.same(ids(await expireSome(epoch, 1)), [first])
})

t.test('a row that was found, and does not expire any more, stays', async t => {
  const id = await stage.insert({ expires_at: 'yesterday' })
  const found = await findExpired(stage.session, all, null)
  await stage.query(`update outbox.callback set expires_at = now() + interval '1 day' where id = $1`, [id])
  t.same([found.ids, await expire(stage.session, epoch, found.ids)], [[id], []])
})

t.test('whether an unsettled row has expired is told of all, or of the last seconds', async t => {
  const isAny = async (withinMs: number | null) => (await findExpired(stage.session, 1, withinMs)).ids.length > 0
  const cancelled = await stage.insert({ expires_at: 'yesterday' })
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [cancelled])
  await stage.insert({ expires_at: 'tomorrow' })
  t.equal(await isAny(null), false)
  const old = await stage.insert({ expires_at: 'yesterday' })
  t.equal(await isAny(null), true)
  t.equal(await isAny(60_000), false)
  const young = await stage.insert({ expires_at: new Date() })
  t.equal(await isAny(60_000), true)
  t.same(ids(await expireSome(epoch, all, 60_000)), [young])
  t.same(ids(await expireSome(epoch, all)), [old])
})

t.test('dead index entries that a snapshot keeps are not read, but for those of the last seconds', async t => {
  const reader = await stage.database.connect()
  await reader.query('begin isolation level repeatable read')
  await reader.query('select 1')
  for (const time of ['1 day', '-1 day'])
    await stage.query(
      `insert into outbox.callback (url, expires_at) select 'https://receiver.test/', now() + $1::interval from generate_series(1, 2000)`,
      [time],
    )
  await stage.query(`update outbox.callback set status = 'cancelled'`)
  const blocks = async (withinMs: number | null) => {
    const explained: number[] = []
    const explaining = {
      async rows(statement: Statement, values: readonly unknown[]) {
        const text = `explain (analyze, buffers, format json) ${textIn(statement, 'outbox')}`
        const [row] = await stage.session.rows<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
          { name: '', text },
          values,
        )
        explained.push(row?.['QUERY PLAN'][0].Plan['Shared Hit Blocks'] ?? 0)
        return [{}]
      },
    } as unknown as Session
    await findExpired(explaining, 1, withinMs)
    return explained[0] ?? 0
  }
  const [all, young] = [await blocks(null), await blocks(10_000)]
  t.ok(all > 10 * young, `${all} and ${young} blocks`)
  await reader.query('rollback')
})

t.test('each key is told its first row then; of several rows of a key that end together, the last tells', async t => {
  const old = { expires_at: 'yesterday' }
  const a1 = await stage.insert({ ordering_key: 'a', ...old })
  const a2 = await stage.insert({ ordering_key: 'a', ...old })
  const a3 = await stage.insert({ ordering_key: 'a', url: 'https://other.test/' })
  const b1 = await stage.insert({ ordering_key: 'b', due_at: '2999-01-01' })
  const b2 = await stage.insert({ ordering_key: 'b', ...old })
  await stage.insert({ ordering_key: 'b' })
  const c1 = await stage.insert({ ordering_key: 'c', ...old })
  const none = await stage.insert(old)
  const e1 = await stage.insert({ ordering_key: 'e', ...old })
  const e2 = await stage.insert({ ordering_key: 'e' })
  const e3 = await stage.insert({ ordering_key: 'e', ...old })
  const next = {
    id: a3,
    orderingKey: 'a',
    origin: 'https://other.test',
    dueUs: null,
    standing: 'due',
    rev: 0,
    tried: 0,
    maxAttempts: null,
  }
  t.match(await expireSome(epoch, all), [
    { id: a1, orderingKey: 'a', next: null },
    { id: a2, orderingKey: 'a', next },
    { id: b2, orderingKey: 'b', next: { id: b1, standing: 'later' } },
    { id: c1, orderingKey: 'c', next: null },
    { id: none, orderingKey: null, next: null },
    { id: e1, orderingKey: 'e', next: null },
    { id: e3, orderingKey: 'e', next: { id: e2 } },
  ])
})

t.test('pending rows are given up, each for its own reason, and name the next of their key', async t => {
  const first = await stage.insert({ ordering_key: 'k' })
  const second = await stage.insert({ due_at: 'tomorrow' })
  const next = await stage.insert({ ordering_key: 'k' })
  const claimed = (await claimNew(stage, epoch)).id
  const rows = [claimed, second, first].map(id => ({ id, reason: `for ${id}` }))
  t.match(await giveUp(stage.session, epoch, rows), [
    { id: first, orderingKey: 'k', next: { id: next } },
    { id: second, orderingKey: null, next: null },
  ])
  for (const id of [first, second]) {
    const row = await stage.row(id)
    t.match(row, { status: 'dead', last_error: `for ${id}`, attempts: 0, due_at: null, rev: '1' })
    t.ok(row.settled_at && row.dead_at)
  }
  t.match(await stage.row(claimed), { status: 'claimed' })
})

t.test('neither waits for a row that somebody has locked', async t => {
  const id = await stage.insert({ expires_at: 'yesterday' })
  const odd = [{ id, reason: 'odd' }]
  const operator = await stage.database.connect()
  await operator.query('begin')
  await operator.query('select from outbox.callback for update')
  await stage.session.run(`set lock_timeout = '1ms'`)
  t.same([await expire(stage.session, epoch, [id]), await giveUp(stage.session, epoch, odd)], [[], []])
  await operator.query('rollback')
  t.same(ids(await giveUp(stage.session, epoch, odd)), [id])
})
