import type { Session, Statement } from './session.ts'
import { isFirst, isFree, isSuperseded, urlHash } from './sql.ts'

/** Counts of unsettled and dead callbacks. Each callback is counted once. */
export interface Left {
  /** A callback is being sent, or could start if its receiver allowed. Receivers and URLs in `except` do not count. */
  readonly isBusy: boolean
  /** As in `isBusy`, at all receivers. */
  readonly due: number
  /** Failed, and waiting for their next attempt. */
  readonly retrying: number
  /** Their producer delayed them. */
  readonly later: number
  readonly held: number
  /** Behind an earlier unsettled callback of their key. */
  readonly behind: number
  /** Dead since `sinceUs`. */
  readonly dead: number
  /**
   * When the newest settled callback still in the table was settled, in microseconds of Unix time; null: none is in the
   * table.
   */
  readonly settledUs: number | null
  /** The database's clock, in microseconds of Unix time. */
  readonly nowUs: number
}

/** For a callback `c`. */
const isDue = (schema: string) =>
  `(c.due_at is null or c.due_at <= clock_timestamp() or ${isSuperseded(schema)}) and ${isFirst(schema)} and ${isFree(schema)}`

/**
 * Counts only if nothing is due, since the first due row ends the search. While millions are due, a count would take
 * longer than the statement's timeout.
 */
const leftStatement: Statement = {
  name: 'ringback_left',
  text: schema => `
    select busy.is as "isBusy", counts.*,
           (select count(*) from ${schema}.callback c
             where c.dead_at >= timestamptz 'epoch' + $2::float8 * interval '1 microsecond' and (not busy.is or $3))::float8 as dead,
           (select (extract(epoch from c.settled_at) * 1000000)::float8
              from ${schema}.callback c where c.settled_at is not null order by c.settled_at desc, c.id desc limit 1) as "settledUs",
           (extract(epoch from statement_timestamp()) * 1000000)::float8 as "nowUs"
      from (select exists (
              select from ${schema}.callback c
               where c.settled_at is null and c.origin <> all ($1::text[]) and c.origin || ' ' || ${urlHash} <> all ($1)
                 and (c.status = 'claimed' or ${isDue(schema)})) as is offset 0) busy
     cross join lateral (
       select count(*) filter (where stands = 'due')::float8 as due,
              count(*) filter (where stands = 'retrying')::float8 as retrying,
              count(*) filter (where stands = 'later')::float8 as later,
              count(*) filter (where stands = 'held')::float8 as held,
              count(*) filter (where stands = 'behind')::float8 as behind
         from (select case when c.status = 'claimed' or ${isDue(schema)} then 'due'
                           when not ${isFree(schema)} then 'held'
                           when not ${isFirst(schema)} then 'behind'
                           when c.attempts > c.budget_from then 'retrying'
                           else 'later' end as stands
                 from ${schema}.callback c
                where c.settled_at is null and (not busy.is or $3::boolean)) c) counts`,
}

export interface LeftQuestion {
  /** Origins, as in the column, and URLs: an origin, a space, and the hash of the URL. */
  readonly except: readonly string[]
  /** Counts callbacks dead since this time, in microseconds of Unix time by the database's clock; null: counts none. */
  readonly sinceUs: number | null
  /** Counts even while something is due. Otherwise all counts are then 0. */
  readonly counts: boolean
}

export async function readLeft(session: Session, { except, sinceUs, counts }: LeftQuestion): Promise<Left> {
  const [row] = await session.rows<Left>(leftStatement, [except, sinceUs, counts])
  if (!row) throw new Error('a statement of aggregates must return a row')
  return row
}
