/** Whatever the table holds, a screen reads a bounded part of it, by the indexes. */
import t from 'tap'
import { readFailing } from '../../src/outbox/failing.ts'
import { findMessage } from '../../src/outbox/find-message.ts'
import { readFigures, readOrigin } from '../../src/outbox/screen-figures.ts'
import { readBlockedKeys } from '../../src/outbox/screen-keys.ts'
import { readOperations } from '../../src/outbox/screen-operations.ts'
import { readPeriod } from '../../src/outbox/screen-periods.ts'
import {
  type ListFilter,
  listCallbacks,
  listHoldEntries,
  readCallback,
  readKey,
  readMatching,
  readViewer,
} from '../../src/outbox/screens.ts'
import { type Session, type Statement, textIn } from '../../src/outbox/session.ts'
import { nodesOf, type Plan } from '../fixtures/plan.ts'
import { Stage } from '../fixtures/stage.ts'

type Run = (session: Session) => Promise<unknown>

/** A node of `explain (analyze)`. */
interface Analyzed extends Plan {
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
}

const stage = await Stage.withSession(t)
// As the page sets them: see screen-sessions.ts.
await stage.session.run(`set enable_sort = on; set enable_incremental_sort = on; set plan_cache_mode = auto`)

/** In each state so many callbacks, half of what waits after a failure; one in ten of what is settled is dead. All are of one origin, all that wait of one key. */
async function fill(rows: number): Promise<void> {
  await stage.query(
    `insert into outbox.callback (url, ordering_key, attempts, rev, claimed_at, due_at)
     select 'https://ill.test/', 'key', n % 2, n % 2, case n % 2 when 1 then now() end, case n % 2 when 1 then now() + n * interval '1 ms' end
       from generate_series(1, $1) n`,
    [rows],
  )
  await stage.query(
    `insert into outbox.callback (url, status, attempts, rev, settled_at, dead_at)
     select 'https://ill.test/', case n % 10 when 0 then 'dead' else 'delivered' end, 1, 1, at, case n % 10 when 0 then at end
       from generate_series(1, $1 * 10) n, lateral (select now() - n * interval '1 us' as at) v`,
    [rows],
  )
  await stage.query('vacuum analyze outbox.callback')
}

/** The whole plan of the statements that `run` sends, carried out; answers with nothing. */
async function nodes(run: Run): Promise<Analyzed[]> {
  const found: Analyzed[] = []
  const explaining = {
    async rows(statement: Statement, values: readonly unknown[] = []) {
      const text = `explain (analyze, timing off, format json) ${textIn(statement, 'outbox')}`
      const [row] = await stage.session.rows<{ 'QUERY PLAN': [{ Plan: Plan }] }>({ name: '', text }, values)
      found.push(...(row ? (nodesOf(row['QUERY PLAN'][0].Plan) as Analyzed[]) : []))
      return [{}]
    },
  } as unknown as Session
  await run(explaining)
  return found
}

const filter = (values: Partial<ListFilter>): ListFilter => ({
  status: 'pending',
  url: null,
  key: null,
  since: null,
  after: null,
  ...values,
})
const list =
  (values: Partial<ListFilter>): Run =>
  session =>
    listCallbacks(session, filter(values))
const nowhere = 'https://nowhere.test/'
const thisMinute = Math.floor(Date.now() / 60_000) * 60_000
const middle = { at: '2000-01-01 00:00:00+00', id: '5000' }

const screens: Readonly<Record<string, Run>> = {
  figures: readFigures,
  'a busy minute': session => readPeriod(session, thisMinute, 60_000),
  'a busy period': session => readPeriod(session, thisMinute - 600_000, 900_000),
  'a period of seven days': session => readPeriod(session, thisMinute - 604_800_000 + 60_000, 604_800_000),
  'blocked keys': readBlockedKeys,
  'a webhook-id': session => findMessage(session, '01930000-0000-7000-8000-000000000000'),
  'the newest webhook-id': session => findMessage(session, '7ff00000-0000-7000-8000-000000000000'),
  viewer: readViewer,
  failing: readFailing,
  'an origin': session => readOrigin(session, 'https://ill.test'),
  holds: listHoldEntries,
  'a callback': session => readCallback(session, '7'),
  'its key': session => readKey(session, { id: '5000', orderingKey: 'key' }),
  'the dead that match': session => readMatching(session, { url: nowhere, since: null, until: '2099-01-01T00:00:00Z' }),
  'the dead that match, since': session =>
    readMatching(session, { url: null, since: '2000-01-01T00:00:00Z', until: '2099-01-01T00:00:00Z' }),
  ...Object.fromEntries(
    (['pending', 'claimed', 'dead', 'delivered', 'cancelled'] as const).flatMap(status => [
      [`list of ${status}`, list({ status })],
      [`list of ${status}, of a URL that none has`, list({ status, url: nowhere })],
      [`list of ${status}, since`, list({ status, since: '2000-01-01T00:00:00Z' })],
      [`list of ${status}, of a key`, list({ status, key: 'key', url: nowhere })],
      [`list of ${status}, further on`, list({ status, after: middle })],
      [`list of ${status}, of an origin`, list({ status, url: 'https://ill.test/none' })],
    ]),
  ),
}

/** Rows of one index in one statement. */
const mostRead = 10_001

/** Where the id is not what the index is ordered by, a condition on it leaves entries out, and all of them are walked. */
const orderedOtherwise = ['callback_due', 'callback_waiting']

await fill(25_000)
t.test('who did what: the newest, by the key', async t => {
  await stage.query(
    `insert into outbox.operation (act, condition, done) select 'cancel', 'id = 1', 1 from generate_series(1, 1000)`,
  )
  const scans = (await nodes(readOperations)).filter(node => node['Relation Name'] === 'operation')
  t.match(scans, [{ 'Index Name': 'operation_pkey', 'Actual Rows': 50 }])
})

for (const [name, run] of Object.entries(screens))
  t.test(`${name}: a part of the callbacks, by an index`, async t => {
    const scans = (await nodes(run)).filter(node => node['Relation Name'] === 'callback')
    t.equal(scans.length > 0, !['viewer', 'holds'].includes(name))
    for (const scan of scans) {
      const { 'Index Name': index = '', 'Index Cond': condition = 'from its end' } = scan
      t.match(scan['Node Type'], /^Index( Only)? Scan$/)
      const read = (scan['Actual Rows'] + (scan['Rows Removed by Filter'] ?? 0)) * scan['Actual Loops']
      t.ok(read <= mostRead, `${read} by ${index}, ${condition}`)
      if (orderedOtherwise.includes(index)) t.notMatch(condition, /\(id </)
    }
  })
