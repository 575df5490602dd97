/**
 * What sessions rely on, whatever the defaults. A relay sets it once its sessions are known to be its own
 * (`sessions.ts`). A command sets it per transaction, since a pooler may pass its session on.
 */
import type { Purpose, Session, Statement } from './session.ts'

/** Names and values for `set_config`. */
export type Settings = Readonly<Record<string, string>>

/** With these, a statement means the same everywhere. */
const meaning: Settings = {
  // With `off`, NULL in an array is read as a text.
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  // With `off`, a policy that hides rows is an error instead of an empty table.
  row_security: 'off',
  // Each statement sees what others have committed, and may write.
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  // The forms that pg reads, and all digits of numbers.
  client_encoding: 'UTF8',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
}

/**
 * Each statement is planned once per session: PostgreSQL prefers to plan short lists anew for each call, which costs as
 * much as running them. The plan may be made while the table is empty, when reading all of it costs nothing. After a
 * flood of rows that plan would take a quarter of a second per claim. So statistics must not decide. The settings
 * forbid other plans, and statements have forms that only the right index can serve:
 * - A row by its id: `id = any (array[x])`. With `=` between two tables, a whole index may be walked.
 * - A hold by its origin: `origin = any (array[x])`. With `=`, each statement may hash all holds.
 * - A key in the order of its ids: `ordering_key >= x` and `(ordering_key, id) < (x, y)`. With `ordering_key = x` and
 *   `id < y` only the order of ids is left, and the primary key may be walked from its beginning.
 * - Whether a key has such a row: by the first one in this order. `exists` asks for no order, so any index of unsettled
 *   rows may be walked if few rows have had keys so far.
 * - Whether a row found by its id is settled: by `status`. With `settled_at is null`, any index of unsettled rows may
 *   be walked.
 * - When a row found by its id is due or was settled: by `greatest(due_at, x)` or `settled_at is not distinct from x`.
 *   With `due_at > x` or `settled_at = x`, which no null satisfies, all due or settled rows may be walked.
 * - The end of a range of times: by `statement_timestamp()`. The volatile `clock_timestamp()` bounds no index scan:
 *   with fewer due rows than the limit, every later row would be read.
 *
 * `test/outbox/plans.test.ts` checks the plans made on a full table, on an empty one, and on one with a few rows.
 */
const planning: Settings = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  // A bitmap scan reads and sorts all due rows, to return the first thousand.
  enable_bitmapscan: 'off',
  // A sort follows a scan of an index with another order, which reads all rows before it returns the first.
  enable_sort: 'off',
  enable_incremental_sort: 'off',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_nestloop: 'on',
  // Compiling a statement costs 160 ms, running it 1 ms.
  jit: 'off',
}

export interface Times {
  /** How long the client waits for an answer, in milliseconds. */
  readonly timeoutMs: number
  readonly leaseMs: number
}

/**
 * The server gives up before the client: a statement without a client could still claim rows. Only a commit that waits
 * for a standby has no timeout; see `backends.ts`.
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
    // A claim is on disk before its POST is sent.
    synchronous_commit: 'on',
    ...(purpose === 'keep' ? keeping(leaseMs) : {}),
  }
}

function keeping(leaseMs: number): Settings {
  return {
    // Renewals must not wait for a standby, or the lease could run out although this relay works. The standby still has
    // each registration before the claims under it, since the log has that order.
    synchronous_commit: 'local',
    lock_timeout: '500ms',
    // Otherwise PostgreSQL could hold the wake lock of a stopped or unreachable relay for hours.
    idle_session_timeout: ms(2 * leaseMs),
  }
}

/**
 * The server ends a session whose client reads nothing for this long. A relay stopped during a claim's reply holds its
 * registration, and its heir may not be allowed to end that session.
 */
function network(userTimeoutMs: number): Settings {
  return {
    tcp_user_timeout: ms(userTimeoutMs),
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
    // Finds a lost client while a statement runs.
    client_connection_check_interval: '1s',
  }
}

/** @param timeoutMs for one statement, in milliseconds. No other timeout applies: a person waits for the command. */
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
 * For the startup packet, since pg-listen sets nothing. An echo waits for no standby, and the server gives it up before
 * the listener does.
 *
 * @param echoMs most milliseconds of an echo.
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

/** Runs first, so that later statements find PostgreSQL's own functions and operators. */
const pathStatement: Statement = {
  name: 'ringback_search_path',
  text: `select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', $1::pg_catalog.bool)`,
}

/**
 * Leaves these as they are:
 * - settings that this version of PostgreSQL or its operating system does not support
 * - a `synchronous_commit` other than `off`, when `on` is wanted
 * - `default_transaction_read_only` set for the whole server: a hosting provider marks a full disk in this way
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

/** @param scope `transaction`: the open one; its end restores the former settings. */
export async function settle(session: Session, settings: Settings, scope: 'session' | 'transaction'): Promise<void> {
  const isLocal = scope === 'transaction'
  await session.rows(pathStatement, [isLocal])
  await session.rows(setStatement, [Object.keys(settings), Object.values(settings), isLocal])
}

const limitStatement: Statement = {
  name: 'ringback_limit',
  text: `select current_setting('statement_timeout') as usual, set_config('statement_timeout', $1, false)`,
}

/**
 * Sets how long a statement of this session may take.
 *
 * @returns what it was before.
 */
export async function limitStatements(session: Session, time: string): Promise<string> {
  const [row] = await session.rows<{ usual: string }>(limitStatement, [time])
  if (!row) throw new Error('a select without a table must return a row')
  return row.usual
}

function ms(count: number): string {
  return `${Math.max(1, Math.round(count))}ms`
}
