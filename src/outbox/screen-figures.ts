/** The figures of the operator's page, each from a bounded number of callbacks: see screens.ts. */
import { sample } from './screens.ts'
import type { Session, Statement } from './session.ts'
import { dueTime, originHash } from './sql.ts'

/** Rows that the overview reads from the beginning of each index on unsettled rows. */
const lookedInto = 2_500

export interface Figures {
  readonly now: Date
  /** In these counts, `sample + 1` means "more than `sample`". */
  readonly waiting: number
  readonly claimed: number
  readonly dead: number
  readonly deadLastHour: number
  readonly deadLastDay: number
  /** How long the oldest due callback has been due, in seconds; null: none is due. */
  readonly oldestSeconds: number | null
  /** The table is empty. */
  readonly isEmpty: boolean
  /** By origin, those with most failed callbacks first; at most 200. */
  readonly origins: readonly OriginFigures[]
  /** There are more unsettled callbacks than were read: each origin may have more. */
  readonly isPartial: boolean
}

/** An origin with callbacks among those read. */
export interface OriginFigures {
  readonly origin: string
  readonly waiting: number
  readonly claimed: number
  /** Callbacks that have failed and wait for a retry. */
  readonly failed: number
  /** The error of the newest of them. */
  readonly lastError: string | null
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
           not exists (select from ${schema}.callback) as "isEmpty"`,
}

const originColumns =
  'c.id, c.origin, c.status, c.last_error, (c.status = $$pending$$ and c.attempts > c.budget_from) as has_failed'

const originCounts = `
             origin, (count(*) filter (where status = 'pending'))::float8 as waiting, (count(*) filter (where status = 'claimed'))::float8 as claimed,
             (count(*) filter (where has_failed))::float8 as failed, max(id) filter (where has_failed) as newest`

const originFigures = `
    select o.origin, o.waiting, o.claimed, o.failed, n.last_error as "lastError"
      from origins o left join seen n on n.id = o.newest`

/** Claimed rows, and those due for longest, stand at the beginning of the indexes. */
const firstUnsettledStatement: Statement = {
  name: 'ringback_screen_unsettled',
  text: schema => `
    with seen as materialized (
      (select ${originColumns}, c.created_at as due from ${schema}.callback c
        where c.settled_at is null and c.due_at is null order by c.id limit ${lookedInto})
      union all
      (select ${originColumns}, ${dueTime} from ${schema}.callback c where c.due_at is not null order by ${dueTime}, c.id limit ${lookedInto})
    ), origins as (
      select ${originCounts},
             min(due) filter (where status = 'pending' and due <= statement_timestamp()) as due, count(*) as seen
        from seen group by origin
    ), total as (select sum(claimed) as claimed, min(due) as due, sum(seen) as seen from origins)
    select f.*, t.claimed as "allClaimed", t.seen::float8 as "allSeen", extract(epoch from statement_timestamp() - t.due)::float8 as "oldestSeconds"
      from (${originFigures} order by o.failed desc, o.waiting desc, o.origin limit 200) f, total t`,
}

interface FirstUnsettled extends OriginFigures {
  readonly allClaimed: number
  readonly allSeen: number
  readonly oldestSeconds: number | null
}

export async function readFigures(session: Session): Promise<Figures> {
  const [row] = await session.rows<Figures & { unsettled: number }>(figuresStatement)
  if (row === undefined) throw new Error('a statement without a table must return a row')
  const found = await session.rows<FirstUnsettled>(firstUnsettledStatement)
  const { allClaimed: claimed = 0, allSeen = 0, oldestSeconds = null } = found[0] ?? {}
  const { unsettled, ...counts } = row
  const waiting = Math.max(0, unsettled - claimed)
  return { ...counts, waiting, claimed, oldestSeconds, origins: found, isPartial: unsettled > allSeen }
}

const originStatement: Statement = {
  name: 'ringback_screen_origin',
  text: schema => `
    with seen as materialized (
      select ${originColumns} from ${schema}.callback c
       where c.settled_at is null and ${originHash} = hashtextextended($1, 0) and c.origin = $1 limit ${sample + 1}
    ), origins as (
      select ${originCounts} from seen group by origin
    )
    ${originFigures}`,
}

/** @returns undefined: the origin has no unsettled callbacks. */
export async function readOrigin(session: Session, origin: string): Promise<OriginFigures | undefined> {
  const [row] = await session.rows<OriginFigures>(originStatement, [origin])
  return row
}
