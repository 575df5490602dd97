import type { IndexPlace, ShownRow } from '../model.ts'
import { dueAheadMs } from '../policy/tuning.ts'
import type { Session, Statement } from './session.ts'
import { dueTime, plainArray, shown, timeOf } from './sql.ts'

/** New entries of a range. */
export interface TipPage {
  /** In the order of the index. */
  readonly rows: readonly ShownRow[]
  /** There may be more after these. */
  readonly isFull: boolean
}

export interface FreshTip extends TipPage {
  /** The last id that the sequence gave, to any callback. */
  readonly lastId: string
}

export interface DueTip extends TipPage {
  /** Milliseconds until the next row is due; null: none will be within `dueAheadMs`. */
  readonly nextInMs: number | null
  /** The time up to which it has read, by the database's clock, in microseconds of Unix time. */
  readonly nowUs: number
}

/**
 * New rows in the gaps `$1` to `$2`, at most `$3` of each, for the epoch `$4`; and one empty row if there are none. It
 * reads only the gaps between ids already shown: a row costs 3 µs here and in the relay. It stops at the sequence's last
 * id, since later rows must not wait for a high id that a producer chose.
 */
export const freshRows = (schema: string) => `
    select s.last_value as "lastId", row.*
      from ${schema}.callback_id_seq s
      left join lateral (
        select row.*
          from unnest($1::bigint[], $2::bigint[]) as gap (after, up_to)
         cross join lateral (
           select ${shown('$4::bigint')}
             from ${schema}.callback c
            where c.settled_at is null and c.due_at is null and c.id > gap.after and c.id <= least(gap.up_to, s.last_value)
            order by c.id
            limit $3) row) row on true`

const freshStatement: Statement = { name: 'ringback_fresh', text: freshRows }

/**
 * Why `statement_timestamp()`: see `planning` in settings.ts. The next due time has an end as well: without it, each read
 * would walk the dead entries of all later rows.
 */
const dueStatement: Statement = {
  name: 'ringback_due',
  text: schema => `
    with page as materialized (
      select ${shown('$4::bigint')}
        from ${schema}.callback c
       where c.due_at is not null and (${dueTime}, c.id) > (${timeOf('$1::float8')}, $2::bigint)
         and ${dueTime} <= statement_timestamp()
       order by ${dueTime}, c.id
       limit $3)
    select next.*, page.*
      from (select (select (extract(epoch from ${dueTime} - statement_timestamp()) * 1000)::float8
                      from ${schema}.callback c
                     where c.due_at is not null and ${dueTime} > statement_timestamp()
                       and ${dueTime} <= statement_timestamp() + interval '${dueAheadMs} ms'
                     order by ${dueTime}, c.id limit 1) as "nextInMs",
                   (extract(epoch from statement_timestamp()) * 1000000)::float8 as "nowUs") next
      left join page on true
     order by page."dueUs", page.id`,
}

/** Ids between two that were shown. */
export interface Gap {
  readonly after: string
  readonly upTo: string
}

/**
 * Rows never tried, with ids in these gaps. The gaps are in the order of ids.
 *
 * @param limit most rows per gap. The page is full if it has `limit` rows or more: more may follow, at the end or in
 * one gap.
 */
export async function readFresh(
  session: Session,
  epoch: string,
  gaps: readonly Gap[],
  limit: number,
): Promise<FreshTip> {
  return freshTip(await session.rows<FreshRow>(freshStatement, freshValues(epoch, gaps, limit)), limit)
}

/** The parameters of `freshRows`. */
export function freshValues(epoch: string, gaps: readonly Gap[], limit: number): unknown[] {
  const [afters, ends] = [gaps.map(({ after }) => after), gaps.map(({ upTo }) => upTo)]
  return [plainArray(afters), plainArray(ends), limit, epoch]
}

/** A row of `freshRows`. */
export type FreshRow = ShownRow & { readonly lastId: string }

export function freshTip(found: readonly FreshRow[], limit: number): FreshTip {
  const [first] = found
  if (!first) throw new Error('the sequence of ids answers with no row')
  return { ...page(found, limit), lastId: first.lastId }
}

/** Rows after this place whose due time has come. */
export async function readDue(session: Session, epoch: string, after: IndexPlace, limit: number): Promise<DueTip> {
  const values = [after.dueUs, after.id, limit, epoch]
  const found = await session.rows<ShownRow & { nextInMs: number | null; nowUs: number }>(dueStatement, values)
  const [first] = found
  if (!first) throw new Error('a select without a table must return a row')
  return { ...page(found, limit), nextInMs: first.nextInMs, nowUs: first.nowUs }
}

function page(found: readonly ShownRow[], limit: number): TipPage {
  const rows = found.filter(({ id }) => id !== null)
  return { rows, isFull: rows.length >= limit }
}
