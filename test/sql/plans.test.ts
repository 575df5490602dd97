import { readdir } from 'node:fs/promises'
import t from 'tap'
import { cancelWaiting, countWaiting } from '../../src/outbox/cancel.ts'
import { databaseOf } from '../../src/outbox/database.ts'
import { readFailing } from '../../src/outbox/failing.ts'
import { readHistory, readObstacles } from '../../src/outbox/history.ts'
import {
  countDead,
  countRetries,
  replayDead,
  replayIds,
  retryIdsNow,
  retryNow,
  standingOf,
} from '../../src/outbox/replay.ts'
import { type Session, type Statement, textIn } from '../../src/outbox/session.ts'
import { readStatus } from '../../src/outbox/status.ts'
import { testDatabase } from '../fixtures/database.ts'
import { nodesOf, type Plan } from '../fixtures/plan.ts'
import { asRole, sqlFile } from './roles.ts'

const { client } = await testDatabase(t)
// 60,000 settled rows, 1 in 100 of them dead, each with one attempt in its row and one in the log; 300 that wait: never tried,
// due, and later.
await client.query(`
  insert into outbox.callback (url, ordering_key, status, settled_at, dead_at, due_at, rev, attempts,
                               last_started_at, last_finished_at, last_epoch, last_outcome, last_relay)
  select 'https://crm.example/v1/' || n % 50, case when n % 2 = 0 then 'invoice ' || n % 500 end,
         case when n > 60000 then 'pending' when n % 100 = 0 then 'dead' else 'delivered' end,
         case when n <= 60000 then '2026-01-31 09:00+00'::timestamptz end,
         case when n <= 60000 and n % 100 = 0 then '2026-01-31 09:00+00'::timestamptz end,
         case when n <= 60000 or n % 3 = 0 then null when n % 3 = 1 then now() + interval '1 h' else now() end, 1, 2,
         case when n <= 60000 then now() end, case when n <= 60000 then now() end, case when n <= 60000 then 1 end,
         case when n <= 60000 then 'delivered' end, case when n <= 60000 then 'relay-a' end
    from generate_series(1, 60300) n;
  insert into outbox.attempt_log (callback_id, message_id, attempt, epoch, outcome, started_at, finished_at, relay)
  select id, message_id, 1, 1, 'failed', now(), now(), 'relay-a' from outbox.callback where id <= 60000`)
await client.query('vacuum analyze outbox.callback, outbox.attempt_log')

/** Files whose statements are not held to an index, and why. */
const exceptions: Readonly<Record<string, string>> = {
  'purge_history.sql': 'is a DO block; the function walks along the index of what is settled, a page at a time',
  'on_dead.sql': 'creates a trigger, which inserts',
  'roles.sql': 'grants, and reads no callback',
  'first_callback.sql': 'inserts, and reads no callback',
  'dedupe.sql': 'inserts, and reads no callback',
  'hold.sql': 'inserts, and reads no callback',
  'hold_all.sql': 'inserts, and reads no callback',
}

/** What reads more than it must: a whole table, or the primary key from end to end. */
function walks(nodes: readonly Plan[]): string[] {
  return nodes
    .filter(({ 'Relation Name': table, Operation: writes }) => /^(callback|attempt_log)$/.test(table ?? '') && !writes)
    .filter(
      node =>
        node['Node Type'] === 'Seq Scan' ||
        (/_pkey$/.test(node['Index Name'] ?? '') && !/ = /.test(node['Index Cond'] ?? '')),
    )
    .map(node => `${node['Node Type']} ${node['Index Name'] ?? node['Relation Name']} ${node['Index Cond'] ?? ''}`)
}

async function explain(text: string, values: readonly unknown[] = []): Promise<Plan[]> {
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`explain (format json) ${text}`, [...values])
  return rows.flatMap(row => nodesOf(row['QUERY PLAN'][0].Plan))
}

t.test('a whole table and the whole primary key are told from an index', async t => {
  t.equal(walks(await explain('select from outbox.callback where attempts = 7')).length, 1)
  t.equal(walks(await explain('select * from outbox.callback where id > 0 order by id limit 5000')).length, 1)
  t.same(walks(await explain('select from outbox.callback where id = 7')), [])
})

t.test('attempts of some callbacks are read by the indexes of rows and log', async t => {
  for (const some of [
    `= any ('{7,60001}')`,
    '= any (array(select id from outbox.callback where dead_at > now()))',
    '= 7',
  ]) {
    const nodes = await explain(`select * from outbox.attempt where callback_id ${some}`)
    t.same(walks(nodes), [], some)
    const indexes = nodes.flatMap(node => node['Index Name'] ?? [])
    t.ok(indexes.includes('callback_pkey') && indexes.includes('attempt_log_pkey'), some)
  }
})

const files = await readdir(new URL('../../sql/cookbook/', import.meta.url))
for (const file of files.filter(name => !(name in exceptions))) {
  t.test(`cookbook/${file} reads by an index, however much has been settled`, async t => {
    const text = await sqlFile(`cookbook/${file}`)
    const statements = text
      .replace(/^--.*$/gm, '')
      .split(/;\s*$/m)
      .filter(statement => /\S/.test(statement))
    t.ok(statements.length > 0)
    const role = text.match(/^-- Run as: (outbox_\w+)$/m)?.[1] ?? ''
    await asRole(client, role, async () => {
      for (const statement of statements) t.same(walks(await explain(statement)), [], statement)
    })
  })
}

t.test('each exception is a file of the cookbook', async t => {
  t.same(
    Object.keys(exceptions).filter(name => !files.includes(name)),
    [],
  )
})

/** Explains each statement that is sent, and answers with one row of nothing. */
async function walksOf(
  run: (db: ReturnType<typeof databaseOf>, session: Session) => Promise<unknown>,
): Promise<{ statements: number; found: string[] }> {
  let statements = 0
  const found: string[] = []
  const session = {
    schema: 'outbox',
    async query({ text, values }: { text: string; values: unknown[] }) {
      statements += 1
      found.push(...walks(await explain(text, values)))
      return { command: 'SELECT', rowCount: 1, rows: [{}] }
    },
    async rows(statement: Statement, values: unknown[] = []) {
      statements += 1
      found.push(...walks(await explain(textIn(statement, 'outbox'), values)))
      return []
    },
  } as unknown as Session
  await run(databaseOf(session), session)
  return { statements, found }
}

const dead = { url: 'https://crm.example/', since: '2026-01-31T08:00:00Z' }
const commands: Readonly<Record<string, [run: Parameters<typeof walksOf>[0], statements: number]>> = {
  'replay --id': [db => replayIds(db, ['7', '60001']), 1],
  'replay --id, of what was left alone': [db => standingOf(db, ['7', '60001']), 1],
  'replay --dead': [(_, session) => replayDead(session, { url: null, since: null }), 1],
  'replay --dead --url --since': [(_, session) => replayDead(session, dead), 1],
  'replay --dead --dry-run': [(_, session) => countDead(session, dead).catch(nothing), 1],
  'replay --now --id': [db => retryIdsNow(db, ['7', '60001']), 1],
  'replay --now --url': [(_, session) => retryNow(session, dead.url), 1],
  'replay --now --url --dry-run': [(_, session) => countRetries(session, dead.url).catch(nothing), 1],
  'cancel --url': [(_, session) => cancelWaiting(session, dead), 1],
  'cancel --url, of what was left alone': [(_, session) => countWaiting(session, dead), 1],
  attempts: [db => readHistory(db, '7'), 2],
  'attempts, what one waits for': [(_, session) => readObstacles(session, '7'), 1],
  status: [db => readStatus(db), 5],
  'status and doctor, of receivers that fail': [(_, session) => readFailing(session), 1],
}

for (const [name, [run, statements]] of Object.entries(commands)) {
  t.test(`${name} reads by an index, however much has been settled`, async t => {
    t.same(await walksOf(run), { statements, found: [] })
  })
}

/** The row of nothing is no number. */
function nothing(): void {}
