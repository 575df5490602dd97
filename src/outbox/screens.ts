/**
 * What the page reads. Each statement is bounded, whatever the table holds: it goes along one index, from one end of it, and
 * reads `sample` rows at most. A count over history, or a filter without an index over all of it, would kill the database.
 */
import type { CallbackStatus } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { isFree, originHash } from './sql.ts'

/** Rows that one statement reads at most. A count above it is shown as "10,000+". */
export const sample = 10_000

/** Rows on one screen of a list. */
export const listed = 50

export interface Figures {
  readonly now: Date
  /** Of these six counts, one above `sample` means that and more. */
  readonly waiting: number
  readonly claimed: number
  readonly dead: number
  readonly deadLastHour: number
  readonly deadLastDay: number
  readonly deliveredLastMinute: number
  /** What has been due for longest, in seconds; null: nothing is due. */
  readonly oldestSeconds: number | null
  /** No callback was ever written, or all are deleted. */
  readonly isEmpty: boolean
}

const unsettledSample = (schema: string, columns: string) => `
  (select ${columns} from ${schema}.callback c where c.settled_at is null and c.due_at is null order by c.id limit ${sample + 1})
  union all
  (select ${columns} from ${schema}.callback c where c.due_at is not null order by greatest(c.due_at, c.created_at), c.id limit ${sample + 1})`

const deadWithin = (schema: string, time: string) =>
  `(select count(*) from (select from ${schema}.callback where dead_at is not null and ${time} limit ${sample + 1}) d)::float8`

const figuresStatement: Statement = {
  name: 'ringback_screen_figures',
  text: schema => `
    with seen as materialized (${unsettledSample(schema, 'c.status, greatest(c.due_at, c.created_at) as due')})
    select statement_timestamp() as now,
           (select count(*) filter (where status = 'pending') from seen)::float8 as waiting,
           (select count(*) filter (where status = 'claimed') from seen)::float8 as claimed,
           (select extract(epoch from statement_timestamp() - min(due)) from seen where status = 'pending' and due <= statement_timestamp())::float8 as "oldestSeconds",
           ${deadWithin(schema, 'true')} as dead,
           ${deadWithin(schema, "dead_at >= statement_timestamp() - interval '1 hour'")} as "deadLastHour",
           ${deadWithin(schema, "dead_at >= statement_timestamp() - interval '24 hours'")} as "deadLastDay",
           (select count(*) filter (where status = 'delivered')
              from (select status from ${schema}.callback where settled_at is not null and settled_at >= statement_timestamp() - interval '1 minute'
                     order by settled_at desc, id desc limit ${sample + 1}) s)::float8 as "deliveredLastMinute",
           not exists (select from ${schema}.callback) as "isEmpty"`,
}

export async function readFigures(session: Session): Promise<Figures> {
  const [row] = await session.rows<Figures>(figuresStatement)
  if (row === undefined) throw new Error('a statement without a table must return a row')
  return row
}

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
           has_column_privilege('${schema}.callback', 'status', 'update') and has_table_privilege('${schema}.hold', 'insert') as "canAct"`,
}

export async function readViewer(session: Session): Promise<Viewer> {
  const [row] = await session.rows<Viewer>(viewerStatement)
  if (row === undefined) throw new Error('a statement without a table must return a row')
  return row
}

/** An origin with callbacks among those that were read. */
export interface OriginFigures {
  readonly origin: string
  readonly waiting: number
  readonly claimed: number
  /** Have failed, and wait to be tried again. */
  readonly failed: number
  /** Of the newest of these. */
  readonly lastError: string | null
}

const originFigures = `
    select origin, (count(*) filter (where status = 'pending'))::float8 as waiting,
           (count(*) filter (where status = 'claimed'))::float8 as claimed,
           (count(*) filter (where has_failed))::float8 as failed,
           (array_agg(last_error order by id desc) filter (where has_failed))[1] as "lastError"
      from seen group by origin`

const originColumns =
  'c.id, c.origin, c.status, c.last_error, (c.status = $$pending$$ and c.attempts > c.budget_from) as has_failed'

const originsStatement: Statement = {
  name: 'ringback_screen_origins',
  text: schema => `
    with seen as materialized (${unsettledSample(schema, originColumns)})
    ${originFigures} order by failed desc, waiting desc, origin limit 200`,
}

/** Of the origins among the callbacks that are read, those with most failed callbacks first; 200 at most. */
export function readOriginFigures(session: Session): Promise<OriginFigures[]> {
  return session.rows(originsStatement)
}

const originStatement: Statement = {
  name: 'ringback_screen_origin',
  text: schema => `
    with seen as materialized (
      select ${originColumns} from ${schema}.callback c
       where c.settled_at is null and ${originHash} = hashtextextended($1, 0) and c.origin = $1 limit ${sample + 1})
    ${originFigures}`,
}

/** undefined: nothing waits for it. */
export async function readOrigin(session: Session, origin: string): Promise<OriginFigures | undefined> {
  const [row] = await session.rows<OriginFigures>(originStatement, [origin])
  return row
}

/** Which callbacks are listed. */
export interface ListFilter {
  readonly status: CallbackStatus
  /** The beginning of the URL, letter by letter; null: any. */
  readonly url: string | null
  readonly key: string | null
  /** ISO 8601, of when it was settled, or written; null: any. */
  readonly since: string | null
  /** The last of the screen before; null: from the newest. */
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

const listColumns = 'c.id, c.status, c.url, c.ordering_key, c.attempts, c.last_error, c.created_at, c.settled_at'

/** Newest first; of the settled the time is that of their end, of the others that of their writing. */
const listStatement = (from: (schema: string) => string, time: string, order: string, place = 'true'): Statement => ({
  name: 'ringback_screen_list',
  text: schema => `
    select c.id::text as id, c.status, c.url::text as url, c.ordering_key::text as "orderingKey", c.attempts, c.last_error as "lastError", ${time}::text as at
      from (${from(schema)}) c
     where c.status = $1 and ($2::text is null or starts_with(c.url, $2)) and ($3::text is null or c.ordering_key = $3)
       and ($4::timestamptz is null or ${time} >= $4::timestamptz) and ${place}
     order by ${order} limit ${listed + 1}`,
})

/** The bound stands within, so that the walk ends where enough is found. Of what is never null, no bound means the end of all. */
const settledFrom = (column: string) => (schema: string) =>
  `
  select ${listColumns}, c.${column} as ended from ${schema}.callback c
   where c.${column} is not null and (c.${column}, c.id) < (coalesce($6::timestamptz, 'infinity'), coalesce($5::bigint, 9223372036854775807))
     and c.${column} >= coalesce($4::timestamptz, '-infinity')
   order by c.${column} desc, c.id desc limit ${sample}`

const deadStatement = listStatement(settledFrom('dead_at'), 'c.ended', 'c.ended desc, c.id desc')
const settledStatement = listStatement(settledFrom('settled_at'), 'c.ended', 'c.ended desc, c.id desc')

/** Bounds a walk only where the index is ordered by id; elsewhere it stands outside the limit. */
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
   where c.settled_at is null and ${originHash} = hashtextextended($6, 0) and c.origin = $6 limit ${sample}`,
  'c.created_at',
  'c.id desc',
  before,
)

/**
 * One more than `listed` where there are more. A filter is applied to the first `sample` rows of the index that fits best:
 * the key's or the origin's of what is not settled, else the newest of that status.
 *
 * @param origin of `filter.url`, where it names one.
 */
export function listCallbacks(session: Session, filter: ListFilter, origin: string | null): Promise<ListedCallback[]> {
  const { status, url, key, since, after } = filter
  const values = [status, url, key, since, after?.id ?? null]
  if (status === 'dead') return session.rows(deadStatement, [...values, after?.at ?? null])
  if (status === 'delivered' || status === 'cancelled')
    return session.rows(settledStatement, [...values, after?.at ?? null])
  if (key !== null) return session.rows(ofKeyStatement, values)
  return origin === null
    ? session.rows(unsettledStatement, values)
    : session.rows(ofOriginStatement, [...values, origin])
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
  /** Letter by letter as it is stored. */
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
           not ${isFree(schema)} as "isHeld", statement_timestamp() as now
      from ${schema}.callback c where c.id = any (array[$1::bigint])`,
}

/** undefined: there is no such callback. */
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

/** What of its key is before and behind a callback, the nearest first; 101 at most of each. */
export async function readKey(session: Session, { id, orderingKey }: Pick<ShownCallback, 'id' | 'orderingKey'>) {
  if (orderingKey === null) return { before: [], behind: [] }
  return {
    before: await session.rows<KeyNeighbour>(aheadStatement, [orderingKey, id]),
    behind: await session.rows<KeyNeighbour>(behindStatement, [orderingKey, id]),
  }
}

/** Which dead an act is of: what died until then, so that no later one is taken with them. */
export interface DeadMatch {
  readonly url: string | null
  readonly since: string | null
  readonly until: string
}

const matchStatement: Statement = {
  name: 'ringback_screen_match',
  text: schema => `
    select count(*)::float8 as count
      from (select url from ${schema}.callback
             where dead_at is not null and dead_at >= coalesce($2::timestamptz, '-infinity') and dead_at < $3::timestamptz
             order by dead_at desc limit ${sample + 1}) d
     where $1::text is null or starts_with(url, $1)`,
}

/** How many of the newest `sample` match. */
export async function countMatching(session: Session, { url, since, until }: DeadMatch): Promise<number> {
  const [row] = await session.rows<{ count: number }>(matchStatement, [url, since, until])
  return row?.count ?? 0
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
