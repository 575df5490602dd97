/**
 * Sessions that begin with settings which nobody expects, rows that the relay's role may not see, a pooler in between: either
 * callbacks are delivered, or the relay ends at its start and says why.
 */
import { Pooler, type PoolerOptions } from '../../fixtures/pooler.ts'
import { Actors, type Settings } from '../actors.ts'
import { command } from '../command.ts'
import type { Relay } from '../relay.ts'
import type { Scenario } from '../scenario.ts'
import { connected } from '../servers.ts'
import type { Stage } from '../stage.ts'
import type { WrittenLine } from '../transaction.ts'

/** Of roles; where a server does not know one it is left out. */
const HOSTILE: Settings = {
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  default_transaction_read_only: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  idle_session_timeout: '1s',
  idle_in_transaction_session_timeout: '500ms',
  statement_timeout: '1s',
  transaction_timeout: '1s',
  lock_timeout: '50ms',
  jit: 'on',
  jit_above_cost: '0',
  enable_indexscan: 'off',
  enable_nestloop: 'off',
  plan_cache_mode: 'force_custom_plan',
  search_path: 'hostile, pg_catalog',
  synchronous_commit: 'off',
  session_replication_role: 'replica',
  row_security: 'off',
  datestyle: 'SQL, DMY',
  intervalstyle: 'sql_standard',
  timezone: 'Pacific/Kiritimati',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  transform_null_equals: 'on',
  client_encoding: 'LATIN1',
  client_min_messages: 'error',
}
/** Those of which other queues' users have reported that all stood still, or that something was lost: staged one by one, too. */
const REPORTED = [
  'standard_conforming_strings',
  'array_nulls',
  'default_transaction_read_only',
  'default_transaction_isolation',
  'idle_session_timeout',
  'statement_timeout',
  'search_path',
]
/** Longer than the shortest timeout above, so that sessions with nothing to do meet it. */
const IDLE_MS = 2_500
const WITHIN_MS = 60_000
const POOL = 3

export const scenario: Scenario = {
  number: 35,
  title: 'sessions with hostile settings, row level security, a pooler in transaction mode',
  async run(stage) {
    const receiver = await stage.receiver()
    const actors = await Actors.create(stage, receiver.url('/ok'))
    await stage.client.query(`create schema hostile;
      create function hostile.now() returns timestamptz language sql as $$ select timestamptz 'epoch' $$;
      create function hostile.clock_timestamp() returns timestamptz language sql as $$ select timestamptz 'epoch' $$;
      grant usage on schema hostile to public`)
    const { rows } = await stage.client.query<{ name: string }>('select name from pg_settings')
    const known = new Set(rows.map(({ name }) => name))
    const settings = Object.fromEntries(Object.entries(HOSTILE).filter(([name]) => known.has(name)))

    const singly = stage.isShort ? [] : REPORTED.map((name): Settings => ({ [name]: HOSTILE[name] ?? '' }))
    for (const each of [settings, ...singly]) await under(stage, actors, each)
    await actors.begin({})
    const refused = await rowSecurity(stage, actors)
    for (const order of ['turn', 'last'] as const) refused.push(await pooler(stage, actors, order))

    // What was refused is delivered by a relay that comes as it should.
    const relay = await stage.relay('calm', { databaseUrl: actors.relayUrl })
    await stage.check()
    await relay.program.stop('SIGTERM')
    stage.figure('settings', Object.keys(settings).length)
    stage.figure('refused at the start, with the reason', refused.filter(isRefused => isRefused).length)
  },
}

/** A relay and a producer under these settings: written, delivered, idle for a while, delivered again. */
async function under(stage: Stage, actors: Actors, settings: Settings): Promise<void> {
  const names = Object.keys(settings)
  const what = names.length > 1 ? 'all settings' : `${names[0]} = ${settings[names[0] ?? '']}`
  stage.fault()
  await actors.begin(settings)
  const first = await written(stage, actors, what)
  const relay = stage.startRelay(`under-${names.length > 1 ? 'all' : names[0]}`, { databaseUrl: actors.relayUrl })
  if (await isDelivered(stage, relay, first)) {
    await stage.sleep(IDLE_MS)
    const isDeliveredAgain = await isDelivered(stage, relay, await written(stage, actors, what))
    stage.bar(`under ${what} callbacks are delivered after an idle time`, isDeliveredAgain)
    const losses = relay.count('database_away') + relay.count('database_refuses')
    stage.bar(`under ${what} no session is lost; ${losses} were`, losses === 0)
    const { code } = await relay.program.stop('SIGTERM')
    stage.bar(`under ${what} the relay ends in order`, code === 0)
  } else {
    stage.bar(`under ${what} callbacks are delivered: ${relay.program.failure('').message}`, false)
    await relay.program.stop('SIGTERM')
  }
  const status = await command(actors.relayUrl, 'status')
  stage.bar(`under ${what} status answers: ${status.text}`, status.code === 0)
}

async function written(stage: Stage, actors: Actors, what: string): Promise<WrittenLine[]> {
  try {
    return await actors.write()
  } catch (error) {
    stage.bar(`under ${what} producers write: ${error}`, false)
    return []
  }
}

/** False: not in time, or the relay has ended. */
async function isDelivered(stage: Stage, relay: Relay, lines: readonly WrittenLine[]): Promise<boolean> {
  const ids = lines.map(({ messageId }) => messageId)
  for (const end = performance.now() + WITHIN_MS; performance.now() < end && !relay.hasEnded; await stage.sleep(50)) {
    const { rowCount } = await stage.client.query(
      "select from outbox.callback where message_id = any($1::uuid[]) and status <> 'delivered'",
      [ids],
    )
    if (rowCount === 0) return true
  }
  return false
}

/** Row level security without a policy hides every row from whoever does not own the table. True for each start that was refused. */
async function rowSecurity(stage: Stage, actors: Actors): Promise<boolean[]> {
  const { rows } = await stage.client.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class
      where relnamespace = 'outbox'::regnamespace and relkind = 'r' and has_table_privilege($1, oid, 'select') order by 1`,
    [actors.relayRole],
  )
  const refused: boolean[] = []
  for (const { name } of stage.isShort ? rows.filter(({ name }) => name === 'outbox.callback') : rows) {
    stage.fault()
    await written(stage, actors, 'row level security')
    await stage.client.query(`alter table ${name} enable row level security`)
    const relay = stage.startRelay(`secured-${name}`, { databaseUrl: actors.relayUrl })
    refused.push(await isRefused(stage, relay, { of: `row level security on ${name}`, says: /row.level security/i }))
    const doctor = await command(actors.relayUrl, 'doctor')
    stage.bar(
      `doctor finds row level security on ${name}: ${doctor.text}`,
      doctor.code === 1 && /row.level security/i.test(doctor.text),
    )
    await stage.client.query(`alter table ${name} disable row level security`)
  }
  return refused
}

/** Producers may go through it, a relay may not, and leaves no trace in sessions that others will have. */
async function pooler(stage: Stage, actors: Actors, order: 'turn' | 'last'): Promise<boolean> {
  const options = { mode: 'transaction', size: POOL, order } as const
  stage.fault()
  const forProducers = await between(stage, actors.producerUrl, options)
  await actors.write(forProducers.url)
  const { url } = await between(stage, actors.relayUrl, options)
  const relay = stage.startRelay(`pooled-${order}`, { databaseUrl: url })
  const of = 'a pooler in transaction mode'
  const isRefusedThere = await isRefused(stage, relay, { of, says: /pooler in transaction mode/, code: 2 })
  const others = await Promise.all(Array.from({ length: POOL }, () => connected(url)))
  await Promise.all(others.map(other => other.query('begin')))
  for (const other of others) {
    const { rows } = await other.query<{ path: string; plans: string }>(
      "select current_setting('search_path') as path, current_setting('plan_cache_mode') as plans",
    )
    stage.bar(
      `other clients of the pool find their sessions as they were; one finds ${JSON.stringify(rows[0])}`,
      rows[0]?.path === '"$user", public' && rows[0]?.plans === 'auto',
    )
  }
  await Promise.all(others.map(other => other.end()))
  return isRefusedThere
}

async function between(stage: Stage, url: string, options: PoolerOptions): Promise<Pooler> {
  const pooler = await Pooler.start(url, options)
  stage.undo(null, () => pooler.close())
  return pooler
}

interface Refusal {
  readonly of: string
  readonly says: RegExp
  readonly code?: number
}

async function isRefused(stage: Stage, relay: Relay, { of, says, code }: Refusal): Promise<boolean> {
  const ended = await Promise.race([relay.ended, stage.sleep(WITHIN_MS)])
  const said = relay.program.failure('said').message
  const isRight =
    ended?.code != null && (code === undefined ? ended.code !== 0 : ended.code === code) && says.test(said)
  stage.bar(`a relay ends at its start because of ${of}, and says so; ${said}`, isRight)
  if (ended === undefined) await relay.program.stop('SIGTERM')
  return isRight
}
