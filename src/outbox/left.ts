import type { Session, Statement } from './session.ts'
import { isFirst, isFree, isSuperseded, urlHash } from './sql.ts'

/** The callbacks that are not settled, and how many are dead. Each is counted once. */
export interface Left {
  /** Could start now if their receiver allows, or are being sent. */
  readonly due: number
  /** Of those, at the receivers and URLs that the reader has named. */
  readonly dueThere: number
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

/** It reads everything that is not settled, so whoever asks often must see what it takes. */
const leftStatement: Statement = {
  name: 'ringback_left',
  text: schema => `
    select count(*) filter (where stands = 'due')::float8 as due,
           count(*) filter (where stands = 'due' and (origin = any ($1::text[]) or url = any ($1)))::float8 as "dueThere",
           count(*) filter (where stands = 'retrying')::float8 as retrying,
           count(*) filter (where stands = 'later')::float8 as later,
           count(*) filter (where stands = 'held')::float8 as held,
           count(*) filter (where stands = 'behind')::float8 as behind,
           (select count(*) from ${schema}.callback c where c.dead_at >= timestamptz 'epoch' + $2::float8 * interval '1 microsecond')::float8 as dead,
           (select (extract(epoch from c.settled_at) * 1000000)::float8
              from ${schema}.callback c where c.settled_at is not null order by c.settled_at desc, c.id desc limit 1) as "settledUs",
           (extract(epoch from statement_timestamp()) * 1000000)::float8 as "nowUs"
      from (select c.origin, c.origin || ' ' || ${urlHash} as url,
                   case when c.status = 'claimed' then 'due'
                        when not ${isFree(schema)} then 'held'
                        when not ${isFirst(schema)} then 'behind'
                        when c.due_at > clock_timestamp() and not ${isSuperseded(schema)}
                        then case when c.attempts > c.budget_from then 'retrying' else 'later' end
                        else 'due' end as stands
              from ${schema}.callback c
             where c.settled_at is null) c`,
}

/**
 * @param there origins, as the column has them, and URLs: an origin, a space, the hash of the URL.
 * @param sinceUs of the dead that are counted, in microseconds of Unix time by the database's clock; null: none are.
 */
export async function readLeft(session: Session, there: readonly string[], sinceUs: number | null): Promise<Left> {
  const [row] = await session.rows<Left>(leftStatement, [there, sinceUs])
  if (!row) throw new Error('a statement of aggregates must return a row')
  return row
}
