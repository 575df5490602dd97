/**
 * What sessions rely on, whatever the defaults of the server, the database and the role are. A running relay sets it for its
 * sessions, once it is known that they are its own (see `sessions.ts`); a command sets it for its transaction only, since a
 * pooler may hand its session to another program afterwards.
 */
import type { Purpose, Session, Statement } from './session.ts'

/** Name and value, as `set_config` takes them. */
export type Settings = Readonly<Record<string, string>>

/** Statements mean the same everywhere. */
const meaning: Settings = {
  // `array_nulls = off` reads NULL in an array as a text.
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  // A policy that hides rows is an error, instead of an empty table.
  row_security: 'off',
  // A statement takes what others have committed meanwhile, and writes.
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  // pg reads these forms, and of numbers all digits.
  client_encoding: 'UTF8',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
}

/**
 * A statement is planned once for a session: planning it anew for each call's values, which PostgreSQL prefers for short
 * lists, costs as much as running it. The plan is kept for long and may have been made while the table was empty, when to
 * read all of it costs nothing; once a flood has come, the same plan costs a quarter of a second for each claim. So
 * statistics decide nothing. The settings forbid the other ways, and statements are written in forms that only the index
 * meant for them can serve:
 * - A row by its id: `id = any (array[x])`. Of a plain `=` between two tables a walk through the whole index may be made.
 * - A hold by its origin: `origin = any (array[x])`. Of a plain `=` a hash table of all holds may be made, at each statement.
 * - A key with the order of its ids: by `(ordering_key, id) < (x, y)` or `ordering_key >= x`. With `ordering_key = x` and
 *   `id < y` the order is that of the ids alone, and the primary key may be walked from its beginning.
 * - Whether a row is settled, where it is looked for by its id: by `status`. Of `settled_at is null` a walk through any of the
 *   indexes of unsettled rows may be made.
 * - The end of a range of times: by `statement_timestamp()`. The volatile `clock_timestamp()` bounds no index: whenever fewer
 *   rows than the limit are due, every later one would be read.
 *
 * `test/outbox/plans.test.ts` looks at the plans, made on a full table and on an empty one.
 */
const planning: Settings = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  // A bitmap reads all due rows and sorts them, to return the first thousand.
  enable_bitmapscan: 'off',
  // A sort stands behind a walk through another index than the one that has the order, which reads all before the first row.
  enable_sort: 'off',
  enable_incremental_sort: 'off',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_nestloop: 'on',
  // The compiler alone costs 160 ms for a statement that takes one.
  jit: 'off',
}

export interface Times {
  /** How long the client waits for an answer, in milliseconds. */
  readonly timeoutMs: number
  readonly leaseMs: number
}

/**
 * The server gives up before the client does: a statement that nobody waits for any more could still claim rows, and holds
 * one of the relay's connections. What has no timeout is a commit that waits for a synchronous standby; see `backends.ts`.
 */
export function relaySettings(purpose: Purpose, { timeoutMs, leaseMs }: Times): Settings {
  return {
    ...meaning,
    ...planning,
    ...network(Math.max(1_000, Math.min(timeoutMs, leaseMs))),
    statement_timeout: ms(timeoutMs * 0.75),
    lock_timeout: ms(timeoutMs / 4),
    idle_in_transaction_session_timeout: ms(timeoutMs * 0.75),
    transaction_timeout: '0',
    idle_session_timeout: '0',
    // Nothing is sent before its claim is on disk.
    synchronous_commit: 'on',
    ...(purpose === 'keep' ? keeping(leaseMs) : {}),
  }
}

/**
 * Renewals must not wait for a standby: the lease would run out while nothing is wrong with this relay. The standby has a
 * registration before any claim under it, since it stands before it in the log.
 * A stopped relay, or one whose machine is lost, would keep the lock under which it sleeps for hours.
 */
function keeping(leaseMs: number): Settings {
  return { synchronous_commit: 'local', lock_timeout: '500ms', idle_session_timeout: ms(2 * leaseMs) }
}

/**
 * The server ends a session whose client takes nothing for so long: a relay that was stopped in the middle of a claim's reply
 * holds its registration by an open transaction, and its heir may have no right to end it. TCP's own patience is many minutes.
 * A client that has gone is noticed under a statement, too.
 */
function network(userTimeoutMs: number): Settings {
  return {
    tcp_user_timeout: ms(userTimeoutMs),
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
    client_connection_check_interval: '1s',
  }
}

/** @param timeoutMs for one statement, in milliseconds; who calls a command waits for it, so nothing else may end it. */
export function commandSettings(timeoutMs: number): Settings {
  return {
    ...meaning,
    ...planning,
    statement_timeout: ms(timeoutMs),
    idle_in_transaction_session_timeout: '0',
    transaction_timeout: '0',
  }
}

/**
 * For the startup packet, since pg-listen sets nothing. An echo waits for no standby, and gives up before the listener does.
 *
 * @param echoMs how long an echo may take, in milliseconds.
 */
export function listenOptions(echoMs: number): string {
  const settings = {
    ...network(2 * echoMs),
    statement_timeout: ms(echoMs * 0.75),
    lock_timeout: ms(echoMs / 2),
    idle_session_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    synchronous_commit: 'off',
  }
  return Object.entries(settings)
    .filter(([name]) => name !== 'client_connection_check_interval')
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ')
}

/** Before all else, so that what follows finds PostgreSQL's own functions and operators. */
const pathStatement: Statement = {
  name: 'ringback_search_path',
  text: `select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', $1::pg_catalog.bool)`,
}

/**
 * Left as they are: what this version of PostgreSQL does not know, or its system cannot do; a synchronous_commit that is
 * stricter or waits for less than all standbys; and `read only` for the whole server, by which a host says that its disk is full.
 */
const setStatement: Statement = {
  name: 'ringback_set',
  text: `
    select count(set_config(wanted.name, wanted.value, $3))
      from unnest($1::text[], $2::text[]) as wanted (name, value) join pg_settings s on lower(s.name) = wanted.name
     where not (s.name = 'synchronous_commit' and wanted.value = 'on' and s.setting <> 'off')
       and not (s.name = 'default_transaction_read_only' and s.source in ('default', 'configuration file', 'command line'))
       and not (s.name = 'client_connection_check_interval' and version() ~* 'windows|visual|mingw|msvc')`,
}

/** @param scope `transaction`: the one that is open; afterwards all is as it was. */
export async function settle(session: Session, settings: Settings, scope: 'session' | 'transaction'): Promise<void> {
  const isLocal = scope === 'transaction'
  await session.rows(pathStatement, [isLocal])
  await session.rows(setStatement, [Object.keys(settings), Object.values(settings), isLocal])
}

function ms(count: number): string {
  return `${Math.max(1, Math.round(count))}ms`
}
