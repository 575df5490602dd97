import t from 'tap'
import { bringForward, type Forwarding } from '../../src/outbox/bring-forward.ts'
import type { Columns } from '../fixtures/stage.ts'
import { Stage } from '../fixtures/stage.ts'
import { claimNew } from './attempts.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register()
t.beforeEach(async () => {
  await stage.query('truncate outbox.callback')
})

const start = { dueUs: Number.NEGATIVE_INFINITY, id: '0' }
const all: Forwarding = {
  origin: 'https://receiver.test',
  urlHash: null,
  claimedFromMsAgo: 600_000,
  claimedToMsAgo: 1_000,
  waitsMs: 3_600_000,
  after: start,
  entries: 500,
  rows: 500,
  except: [],
  sparesLastOf: null,
}

/** A row that failed and waits, by default for half an hour. */
async function failed(columns: Columns = {}, waits = '30 min', agoS = 10): Promise<string> {
  const id = await stage.insert(columns)
  await stage.force(
    id,
    `attempts = 3, claimed_epoch = ${epoch}, claimed_at = now() - ${agoS} * interval '1 s', due_at = now() + interval '${waits}'`,
  )
  return id
}

t.test('what failed of late and waits is due now, at one time, in the order in which it was written', async t => {
  const ids = [await failed({}, '20 min'), await failed({}, '10 min'), await failed()]
  const { workMs, ...forwarded } = await bringForward(stage.session, epoch, all)
  t.same(forwarded, { ids, reached: null })
  t.ok(workMs > 0)
  const rows = await stage.query<{ due: boolean; rev: string }>(
    'select due_at <= clock_timestamp() as due, rev from outbox.callback',
  )
  t.same(rows, Array(3).fill({ due: true, rev: '2' }))
  t.match(await stage.query('select count(distinct due_at)::integer as times from outbox.callback'), [{ times: 1 }])
  t.same((await bringForward(stage.session, epoch, all)).ids, [], 'once')
})

t.test(
  'nothing else is: it failed before or after, was never tried, was replayed, is claimed, is another origin’s',
  async t => {
    await failed({}, '30 min', 900)
    await failed({}, '30 min', 0)
    await stage.insert({ due_at: new Date(Date.now() + 60_000) })
    const replayed = await failed()
    await stage.force(replayed, 'budget_from = attempts')
    await claimNew(stage, epoch)
    await failed({ url: 'https://other.test/' })
    t.match(await bringForward(stage.session, epoch, all), { ids: { length: 0 }, reached: null })
  },
)

t.test('what waits for longer than a failure makes it, as an operator wished, goes on waiting', async t => {
  await failed({}, '2 hours')
  t.same((await bringForward(stage.session, epoch, all)).ids, [])
})

t.test('a row that an operator has put off goes on waiting, for however short a time', async t => {
  const id = await failed()
  await stage.query(`update outbox.callback set due_at = now() + interval '10 min' where id = $1`, [id])
  t.same((await bringForward(stage.session, epoch, all)).ids, [])
})

t.test('a row whose last attempt would be next is spared, as are those that are named', async t => {
  await failed({ max_attempts: 4 })
  const named = await failed()
  const other = await failed({ max_attempts: 5 })
  t.same((await bringForward(stage.session, epoch, { ...all, sparesLastOf: 10, except: [named] })).ids, [other])
  t.same((await bringForward(stage.session, epoch, { ...all, sparesLastOf: 4 })).ids, [])
})

t.test('entries and rows are limited, and the next goes on behind the last entry', async t => {
  await stage.query(
    `insert into outbox.callback (url, due_at) select 'https://receiver.test/', now() + interval '1 min' from generate_series(1, 5)`,
  )
  const [first, second] = [await failed({}, '2 min'), await failed({}, '3 min')]
  const { ids, reached } = await bringForward(stage.session, epoch, { ...all, entries: 5 })
  t.same(ids, [])
  t.ok(reached)
  t.same((await bringForward(stage.session, epoch, { ...all, after: reached ?? start, rows: 1 })).ids, [first])
  t.same((await bringForward(stage.session, epoch, { ...all, after: reached ?? start })).ids, [second])
})

t.test('a relay without a registration changes nothing, and nobody waits for a locked row', async t => {
  const id = await failed()
  t.same((await bringForward(stage.session, '2', all)).ids, [])
  const operator = await stage.database.connect()
  await operator.query('begin')
  await operator.query('select from outbox.callback where id = $1 for update', [id])
  t.same((await bringForward(stage.session, epoch, all)).ids, [])
  await operator.query('rollback')
  t.same((await bringForward(stage.session, epoch, all)).ids, [id])
})
