import type { Session, Statement } from './session.ts'
import { isFirst, isFree, isSuperseded, urlHash } from './sql.ts'

/** What is not settled, and how many are dead. Each callback is counted once. */
export interface Left {
  /** A callback could start now if its receiver allows, or is being sent; not at the receivers and URLs that the reader has named. */
  readonly isBusy: boolean
  /** As in `isBusy`, at whatever receiver. */
  readonly due: number
  /** They have failed, and wait to be tried again. */
  readonly retrying: number
  /** Their producer wants them sent later. */
  readonly later: number
  readonly held: number
  /** An earlier one of their key is not settled. */
  readonly behind: number
  /** Since the time that was asked for. */
  readonly dead: number
  /** Of the last one that was settled and is kept; null: there is none. In microseconds of Unix time. */
  readonly settledUs: number | null
  /** The database's clock, in microseconds of Unix time. */
  readonly nowUs: number
}

/** Of a callback `c`. */
const isDue = (schema: string) =>
  `(c.due_at is null or c.due_at <= clock_timestamp() or ${isSuperseded(schema)}) and ${isFirst(schema)} and ${isFree(schema)}`

/**
 * That something is due is seen by the first such row. To know that nothing is, all that is not settled must be read, and only
 * then it is counted: while millions are due a count would take longer than a statement may.
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
  /** Origins, as the column has them, and URLs: an origin, a space, the hash of the URL. */
  readonly except: readonly string[]
  /** Of the dead that are counted, in microseconds of Unix time by the database's clock; null: none are. */
  readonly sinceUs: number | null
  /** Counts even while something is due; otherwise all counts are 0 then. */
  readonly counts: boolean
}

export async function readLeft(session: Session, { except, sinceUs, counts }: LeftQuestion): Promise<Left> {
  const [row] = await session.rows<Left>(leftStatement, [except, sinceUs, counts])
  if (!row) throw new Error('a statement of aggregates must return a row')
  return row
}
