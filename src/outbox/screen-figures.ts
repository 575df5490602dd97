/** The figures of the operator's page, each from a bounded number of callbacks: see screens.ts. */
import { sample } from './screens.ts'
import type { Session, Statement } from './session.ts'
import { dueTime, isFree, originHash, rangePlace } from './sql.ts'

/** Rows that the overview reads from the beginning of each index on unsettled rows. */
const lookedInto = 2_000
/** URLs of one origin that are shown on their own. */
const mostUrls = 20
/** Rows of one origin that its screen reads. */
const lookedAtOrigin = 2_000

export interface Figures {
  readonly now: Date
  /** In these counts, `sample + 1` means "more than `sample`". */
  readonly waiting: number
  readonly claimed: number
  readonly dead: number
  readonly deadLastHour: number
  readonly deadLastDay: number
  /** Unsettled, and expires within an hour. */
  readonly expiresSoon: number
  /** How long the oldest due callback has been due, in seconds; null: none is due. */
  readonly oldestSeconds: number | null
  /** The table is empty. */
  readonly isEmpty: boolean
  /** By origin, those with most failed callbacks first; at most 200. */
  readonly origins: readonly OriginFigures[]
  /** There are more unsettled callbacks than were read: each origin may have more. */
  readonly isPartial: boolean
}

/** Why pending callbacks wait, as far as the table tells: each counts for the first reason that holds. */
export interface Reasons {
  readonly held: number
  /** An earlier callback of the key, among those read, is not settled. */
  readonly behind: number
  /** The last attempt has failed. */
  readonly retried: number
  /** The producer has put it off. */
  readonly later: number
  readonly next: number
}

/** An origin with callbacks among those read. */
export interface OriginFigures extends Reasons {
  readonly origin: string
  readonly waiting: number
  readonly claimed: number
  /** Callbacks that have failed and wait for a retry. */
  readonly failed: number
  /** Since the oldest due callback became due, in seconds; null: none is due. */
  readonly oldestSeconds: number | null
  /** The newest of those that have failed; null: there is none. */
  readonly newest: string | null
  /** Its error. */
  readonly lastError: string | null
}

/** The callbacks of one URL, without its query; or of all URLs with fewer than three callbacks. */
export interface UrlFigures extends Pick<OriginFigures, 'waiting' | 'claimed' | 'failed' | 'lastError'> {
  /** null: of the others. */
  readonly url: string | null
  /** How many URLs these are. */
  readonly urls: number
}

/** Counts from the index alone, at a tenth of the cost of reading the rows. */
const countOf = (schema: string, condition: string) =>
  `(select count(*) from (select from ${schema}.callback where ${condition} limit ${sample + 1}) v)`

const figuresStatement: Statement = {
  name: 'ringback_screen_figures',
  text: schema => `
    with dead as materialized (select dead_at from ${schema}.callback where dead_at is not null order by dead_at desc limit ${sample + 1})
    select statement_timestamp() as now,
           (${countOf(schema, 'settled_at is null and due_at is null')} + ${countOf(schema, 'due_at is not null')})::float8 as unsettled,
           (select count(*) from dead)::float8 as dead,
           (select count(*) from dead where dead_at >= statement_timestamp() - interval '1 hour')::float8 as "deadLastHour",
           (select count(*) from dead where dead_at >= statement_timestamp() - interval '24 hours')::float8 as "deadLastDay",
           ${countOf(schema, "settled_at is null and expires_at is not null and expires_at < statement_timestamp() + interval '1 hour'")}::float8 as "expiresSoon",
           not exists (select from ${schema}.callback) as "isEmpty"`,
}

const isHeld = (schema: string) => `(
             (c.origin in (select h.origin from ${schema}.hold h) or split_part(c.origin, '/', 1) in (select h.origin from ${schema}.hold h))
             and not ${isFree(schema)})`

/** Of a callback `c`. For one without a due_at, `due` is when it was written. */
const columns = (schema: string) =>
  `c.id, c.origin, c.url, c.status, c.last_error, c.ordering_key, ${dueTime} as due, (c.status = 'pending' and c.attempts > c.budget_from) as has_failed, ${isHeld(schema)} as is_held`

/** The common table expressions from the rows `seen` to their `origins`. */
const originsOfSeen = `
    heads as materialized (
      select ordering_key, min(id) as id from seen where ordering_key is not null group by ordering_key
    ), reasons as materialized (
      select s.*, case when s.status = 'claimed' then 'claimed' when s.is_held then 'held' when h.id < s.id then 'behind'
                       when s.has_failed then 'retried' when s.due > statement_timestamp() then 'later' else 'next' end as why
        from seen s left join heads h on h.ordering_key = s.ordering_key
    ), origins as materialized (
      select origin, (count(*) filter (where why <> 'claimed'))::float8 as waiting, (count(*) filter (where has_failed))::float8 as failed,
             ${['claimed', 'held', 'behind', 'retried', 'later', 'next'].map(each => `(count(*) filter (where why = '${each}'))::float8 as ${each}`).join(', ')},
             max(id) filter (where has_failed) as newest, min(due) filter (where status = 'pending' and due <= statement_timestamp()) as due, count(*)::float8 as seen
        from reasons group by origin
    )`

const secondsSinceDue = 'extract(epoch from statement_timestamp() - o.due)::float8'

const originFigures = `
    select o.origin, o.waiting, o.claimed, o.failed, o.held, o.behind, o.retried, o.later, o.next, o.newest::text as newest, n.last_error as "lastError",
           ${secondsSinceDue} as "oldestSeconds"`

/** Claimed rows, and those due for longest, stand at the beginning of the indexes. */
const firstUnsettledStatement: Statement = {
  name: 'ringback_screen_unsettled',
  text: schema => `
    with seen as materialized (
      (select ${columns(schema)} from ${schema}.callback c where c.settled_at is null and c.due_at is null order by c.id limit ${lookedInto})
      union all
      (select ${columns(schema)} from ${schema}.callback c where c.due_at is not null order by ${dueTime}, c.id limit ${lookedInto})
    ), ${originsOfSeen}
    ${originFigures}, t.*
      from origins o left join seen n on n.id = o.newest
     cross join (select sum(o.claimed) as "allClaimed", sum(o.seen) as "allSeen", max(${secondsSinceDue}) as "allOldest" from origins o) t
     order by o.failed desc, o.waiting desc, o.origin limit 200`,
}

interface FirstUnsettled extends OriginFigures {
  readonly allClaimed: number
  readonly allSeen: number
  readonly allOldest: number | null
}

export async function readFigures(session: Session): Promise<Figures> {
  const [row] = await session.rows<Figures & { unsettled: number }>(figuresStatement)
  if (row === undefined) throw new Error('a statement without a table must return a row')
  const found = await session.rows<FirstUnsettled>(firstUnsettledStatement)
  const { allClaimed: claimed = 0, allSeen = 0, allOldest: oldestSeconds = null } = found[0] ?? {}
  const { unsettled, ...counts } = row
  const waiting = Math.max(0, unsettled - claimed)
  return { ...counts, waiting, claimed, oldestSeconds, origins: found, isPartial: unsettled > allSeen }
}

const originStatement: Statement = {
  name: 'ringback_screen_origin',
  text: schema => `
    with seen as materialized (
      select ${columns(schema)} from ${schema}.callback c
       where c.settled_at is null and ${originHash} = hashtextextended($1, 0) and c.origin = $1 order by ${originHash}, ${rangePlace}, c.id limit ${lookedAtOrigin + 1}
    ), ${originsOfSeen}, urls as (
      select bare, (count(*) filter (where why <> 'claimed'))::float8 as waiting, (count(*) filter (where why = 'claimed'))::float8 as claimed,
             (count(*) filter (where has_failed))::float8 as failed, max(id) filter (where has_failed) as newest
        from (select split_part(url, '?', 1) as bare, * from reasons) r group by bare
    ), shown as (
      select case when waiting + claimed >= 3 and place <= ${mostUrls} then bare end as url, count(*) as urls, sum(waiting) as waiting, sum(claimed) as claimed, sum(failed) as failed, max(newest) as newest
        from (select *, row_number() over (order by waiting + claimed < 3, failed desc, waiting desc, bare) as place from urls) u group by 1
    )
    ${originFigures}, o.seen > ${lookedAtOrigin} as "isPartial", (select min(due) from reasons where why = 'retried') as "nextRetryAt",
           (select json_agg(json_build_object('url', u.url, 'urls', u.urls, 'waiting', u.waiting, 'claimed', u.claimed, 'failed', u.failed, 'lastError', e.last_error)
                            order by u.url is null, u.failed desc, u.waiting desc, u.url)
              from shown u left join seen e on e.id = u.newest) as urls
      from origins o left join seen n on n.id = o.newest`,
}

export interface OneOrigin extends OriginFigures {
  /** It has more unsettled callbacks than were read. */
  readonly isPartial: boolean
  /** When the first of those that have failed is due again, perhaps in the past; null: none waits for that. */
  readonly nextRetryAt: Date | null
  /** Those with most failed callbacks first. The last one may be of the others together. */
  readonly urls: readonly UrlFigures[]
}

/** @returns undefined: the origin has no unsettled callbacks. */
export async function readOrigin(session: Session, origin: string): Promise<OneOrigin | undefined> {
  const [row] = await session.rows<OneOrigin>(originStatement, [origin])
  return row
}
