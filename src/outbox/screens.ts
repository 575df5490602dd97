/**
 * What the page reads. Each statement reads at most `sample` rows from one end of one index. A count over history, or a
 * filter without an index, could overload the database.
 */
import type { CallbackStatus } from '../model.ts'
import { seenSql } from './amend.ts'
import type { Session, Statement } from './session.ts'
import { isFree, originHash } from './sql.ts'
import { startsAt, urlStartOf } from './url-start.ts'

/** Most rows that one statement reads. A count above it is shown as "5,000+". */
export const sample = 5_000

/** Rows on one screen of a list. */
export const listed = 50

export interface Viewer {
  readonly role: string
  readonly database: string
  /** The role may change callbacks and holds. */
  readonly canAct: boolean
}

const viewerStatement: Statement = {
  name: 'ringback_screen_viewer',
  text: schema => `
    select current_user::text as role, current_database()::text as database,
           has_column_privilege('${schema}.callback', 'status', 'update') and has_column_privilege('${schema}.hold', 'url_prefix', 'insert') as "canAct"`,
}

export async function readViewer(session: Session): Promise<Viewer> {
  const [row] = await session.rows<Viewer>(viewerStatement)
  if (row === undefined) throw new Error('a statement without a table must return a row')
  return row
}

/** Which callbacks to list. */
export interface ListFilter {
  readonly status: CallbackStatus
  /** The beginning of the URL, as `UrlStart` compares it; null: any. */
  readonly url: string | null
  readonly key: string | null
  /** ISO 8601: settled since then, or written since then if unsettled; null: any. */
  readonly since: string | null
  /** The last entry of the screen before; null: start with the newest. */
  readonly after: ListPlace | null
}

export interface ListPlace {
  /** As PostgreSQL writes it, to the microsecond. */
  readonly at: string
  readonly id: string
}

export interface ListedCallback extends ListPlace {
  readonly status: CallbackStatus
  readonly url: string
  readonly orderingKey: string | null
  readonly attempts: number
  readonly lastError: string | null
}

const listColumns =
  'c.id, c.status, c.url, c.origin, c.ordering_key, c.attempts, c.last_error, c.created_at, c.settled_at'

/** Newest first: by the time of settling for settled callbacks, by the time of writing for the others. */
const listStatement = (from: (schema: string) => string, time: string, order: string, place = 'true'): Statement => ({
  name: 'ringback_screen_list',
  text: schema => `
    select c.id::text as id, c.status, c.url::text as url, c.ordering_key::text as "orderingKey", c.attempts, c.last_error as "lastError", ${time}::text as at
      from (${from(schema)}) c
     where c.status = $1 and ($2::text is null or ${startsAt(schema, '$2', '$6')}) and ($3::text is null or c.ordering_key = $3)
       and ($4::timestamptz is null or ${time} >= $4::timestamptz) and ${place}
     order by ${order} limit ${listed + 1}`,
})

/**
 * The bounds stand inside the subquery, so the index scan can stop early. Without bounds, both are the largest value,
 * since the columns are never null.
 */
const settledFrom = (column: string) => (schema: string) =>
  `
  select ${listColumns}, c.${column} as ended from ${schema}.callback c
   where c.${column} is not null and (c.${column}, c.id) < (coalesce($7::timestamptz, 'infinity'), coalesce($5::bigint, 9223372036854775807))
     and c.${column} >= coalesce($4::timestamptz, '-infinity')
   order by c.${column} desc, c.id desc limit ${sample}`

const deadStatement = listStatement(settledFrom('dead_at'), 'c.ended', 'c.ended desc, c.id desc')
const settledStatement = listStatement(settledFrom('settled_at'), 'c.ended', 'c.ended desc, c.id desc')

/** Limits the scan only where the index is ordered by id. Elsewhere it stands outside the limit. */
const before = 'c.id < coalesce($5::bigint, 9223372036854775807)'

const unsettledStatement = listStatement(
  schema => `
  (select ${listColumns} from ${schema}.callback c where c.settled_at is null and c.due_at is null and ${before} order by c.id desc limit ${sample})
  union all
  (select ${listColumns} from ${schema}.callback c where c.due_at is not null order by greatest(c.due_at, c.created_at), c.id limit ${sample})`,
  'c.created_at',
  'c.id desc',
  before,
)

const ofKeyStatement = listStatement(
  schema => `
  select ${listColumns} from ${schema}.callback c
   where c.settled_at is null and c.ordering_key = $3 and ${before} order by c.ordering_key, c.id limit ${sample}`,
  'c.created_at',
  'c.id desc',
)

const ofOriginStatement = listStatement(
  schema => `
  select ${listColumns} from ${schema}.callback c
   where c.settled_at is null and ${originHash} = hashtextextended($2, 0) and c.origin = $2 limit ${sample}`,
  'c.created_at',
  'c.id desc',
  before,
)

/**
 * Returns one more than `listed` if there are more. A filter applies to the first `sample` rows of the best index: by
 * key, origin or status.
 */
export function listCallbacks(session: Session, filter: ListFilter): Promise<ListedCallback[]> {
  const { status, url, key, since, after } = filter
  const { origin, rest } = startIn(url)
  const values = [status, origin, key, since, after?.id ?? null, rest]
  if (status === 'dead') return session.rows(deadStatement, [...values, after?.at ?? null])
  if (status === 'delivered' || status === 'cancelled')
    return session.rows(settledStatement, [...values, after?.at ?? null])
  if (key !== null) return session.rows(ofKeyStatement, values)
  return session.rows(origin === null ? unsettledStatement : ofOriginStatement, values)
}

/** Nulls: any URL. */
function startIn(url: string | null) {
  return url === null ? { origin: null, rest: null } : urlStartOf(url)
}

export interface ShownCallback {
  readonly id: string
  readonly messageId: string
  readonly status: CallbackStatus
  readonly attempts: number
  readonly budgetFrom: number
  readonly maxAttempts: number | null
  readonly url: string
  readonly origin: string
  /** Character by character as stored. */
  readonly form: string
  readonly orderingKey: string | null
  readonly supersedeKey: string | null
  readonly traceparent: string | null
  readonly lastError: string | null
  readonly createdAt: Date
  readonly dueAt: Date | null
  readonly expiresAt: Date | null
  readonly claimedAt: Date | null
  readonly settledAt: Date | null
  readonly isHeld: boolean
  /** Names its state, URL and form: see amend.ts. */
  readonly seen: string
  readonly now: Date
}

const callbackStatement: Statement = {
  name: 'ringback_screen_callback',
  text: schema => `
    select c.id::text as id, c.message_id::text as "messageId", c.status, c.attempts, c.budget_from as "budgetFrom",
           c.max_attempts as "maxAttempts", c.url::text as url, c.origin, c.form::text as form, c.ordering_key::text as "orderingKey",
           c.supersede_key::text as "supersedeKey", c.traceparent::text as traceparent, c.last_error as "lastError",
           c.created_at as "createdAt", greatest(c.due_at, case when c.due_at is not null then c.created_at end) as "dueAt",
           c.expires_at as "expiresAt", c.claimed_at as "claimedAt", c.settled_at as "settledAt",
           not ${isFree(schema)} as "isHeld", ${seenSql} as seen, statement_timestamp() as now
      from ${schema}.callback c where c.id = any (array[$1::bigint])`,
}

/** @returns undefined: it does not exist. */
export async function readCallback(session: Session, id: string): Promise<ShownCallback | undefined> {
  const [row] = await session.rows<ShownCallback>(callbackStatement, [id])
  return row
}

/** Another unsettled callback of the same key. */
export interface KeyNeighbour {
  readonly id: string
  readonly status: CallbackStatus
  readonly attempts: number
  readonly createdAt: Date
}

const neighboursStatement = (sign: '<' | '>', end: string, order: string): Statement => ({
  name: `ringback_screen_key_${sign}`,
  text: schema => `
    select c.id::text as id, c.status, c.attempts, c.created_at as "createdAt" from ${schema}.callback c
     where c.settled_at is null and (c.ordering_key, c.id) ${sign} ($1::text, $2::bigint) and c.ordering_key ${end} $1::text
     order by c.ordering_key ${order}, c.id ${order} limit 101`,
})

const aheadStatement = neighboursStatement('<', '>=', 'desc')
const behindStatement = neighboursStatement('>', '<=', 'asc')

/** The unsettled callbacks of its key before and behind this one, nearest first; at most 101 of each. */
export async function readKey(session: Session, { id, orderingKey }: Pick<ShownCallback, 'id' | 'orderingKey'>) {
  if (orderingKey === null) return { before: [], behind: [] }
  return {
    before: await session.rows<KeyNeighbour>(aheadStatement, [orderingKey, id]),
    behind: await session.rows<KeyNeighbour>(behindStatement, [orderingKey, id]),
  }
}

/** The dead callbacks that an operation is for. `until` excludes those that died after the operator looked. */
export interface DeadMatch {
  readonly url: string | null
  readonly since: string | null
  readonly until: string
}

/** Dead callbacks with the same reason. */
export interface DeadOfReason {
  readonly reason: string
  readonly count: number
  readonly from: Date
  readonly to: Date
}

/** What matches, of the newest `sample`. */
export interface DeadMatching {
  readonly count: number
  /** Their last attempt may have arrived. */
  readonly unknown: number
  /** The most frequent ones first; at most 10. */
  readonly reasons: readonly DeadOfReason[]
}

const matchStatement: Statement = {
  name: 'ringback_screen_match',
  text: schema => `
    select coalesce(last_error, 'no reason given') as reason, count(*)::float8 as count, min(dead_at) as "from", max(dead_at) as "to",
           (sum(count(*)) over ())::float8 as "allCount", (sum(count(*) filter (where last_outcome = 'unknown')) over ())::float8 as "allUnknown"
      from (select url, origin, last_error, last_outcome, dead_at from ${schema}.callback
             where dead_at is not null and dead_at >= coalesce($2::timestamptz, '-infinity') and dead_at < $3::timestamptz
             order by dead_at desc limit ${sample + 1}) c
     where $1::text is null or ${startsAt(schema, '$1', '$4')}
     group by 1 order by 2 desc, 1 limit 10`,
}

export async function readMatching(session: Session, { url, since, until }: DeadMatch): Promise<DeadMatching> {
  const { origin, rest } = startIn(url)
  const reasons = await session.rows<DeadOfReason & { allCount: number; allUnknown: number }>(matchStatement, [
    origin,
    since,
    until,
    rest,
  ])
  const { allCount: count = 0, allUnknown: unknown = 0 } = reasons[0] ?? {}
  return { count, unknown, reasons }
}

export interface HoldEntry {
  readonly id: string
  readonly urlPrefix: string
  readonly exact: boolean
  readonly reason: string
  readonly heldBy: string
  readonly heldAt: Date
}

const holdsStatement: Statement = {
  name: 'ringback_screen_holds',
  text: schema => `
    select id::text as id, url_prefix::text as "urlPrefix", exact, reason, held_by as "heldBy", held_at as "heldAt"
      from ${schema}.hold order by held_at desc limit 500`,
}

export function listHoldEntries(session: Session): Promise<HoldEntry[]> {
  return session.rows(holdsStatement)
}
