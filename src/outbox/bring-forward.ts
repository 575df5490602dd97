import type { IndexPlace } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { urlHash as hashOfUrl, isRow, me, originHash, rangePlace, timeOf, workMs } from './sql.ts'

/** Which rows that wait for their next attempt at an origin become due now. */
export interface Forwarding {
  readonly origin: string
  /** Only rows of this URL; null: of all URLs. */
  readonly urlHash: number | null
  /** Only rows whose newest claim is at most this long ago, in milliseconds. */
  readonly claimedFromMsAgo: number
  /** Only rows whose newest claim is at least this long ago, in milliseconds. */
  readonly claimedToMsAgo: number
  /**
   * Only rows that wait at most this long from the claim, in milliseconds. A longer wait has another reason than a
   * failure.
   */
  readonly waitsMs: number
  /** The place in the due range after which to go on. Rows due by now are skipped. */
  readonly after: IndexPlace
  /** Most index entries to read. */
  readonly entries: number
  /** Most rows to change. */
  readonly rows: number
  /** Rows to leave alone. */
  readonly except: readonly string[]
  /**
   * Spares rows whose next attempt is their last. The number is the default for callbacks without `max_attempts`; null:
   * none is spared.
   */
  readonly sparesLastOf: number | null
}

export interface Forwarded {
  readonly ids: readonly string[]
  /** The last entry read, if more may follow; null: all were read. */
  readonly reached: IndexPlace | null
  /** What the server has worked, in milliseconds. */
  readonly workMs: number
}

/**
 * The entries are limited, not only the rows, since callbacks that producers delayed are in the index as well. A batch
 * gets one due time, so the tip reads it in the order written. Why `greatest`: `planning` in settings.ts.
 */
const forwardStatement: Statement = {
  name: 'ringback_bring_forward',
  text: schema => `
    with ${me(schema, '$1::bigint')}, entry as materialized (
      select c.id, (extract(epoch from ${rangePlace}) * 1000000)::float8 as "dueUs", row_number() over () as place
        from (
          select * from ${schema}.callback c
           where c.settled_at is null and ${originHash} = hashtextextended($2, 0) and ${rangePlace} is not null
             and (${rangePlace}, c.id) > (greatest(${timeOf('$5::float8')}, statement_timestamp()), $6::bigint)
           order by ${originHash}, ${rangePlace}, c.id
           limit $7) c
    ), free as materialized (
      select c.id
        from entry join ${schema}.callback c on ${isRow('entry.id')}
       where exists (select from me) and c.origin = $2 and ($12::integer is null or ${hashOfUrl} = $12) and c.status = 'pending' and c.attempts > c.budget_from
         -- An operator has put it off.
         and c.claimed_epoch is not null
         and c.claimed_at >= statement_timestamp() - $3::float8 * interval '1 ms'
         and c.claimed_at <= statement_timestamp() - $11::float8 * interval '1 ms'
         and greatest(c.due_at, statement_timestamp()) > statement_timestamp()
         and greatest(c.due_at, statement_timestamp()) <= c.claimed_at + $4::float8 * interval '1 ms'
         and c.id <> all ($9::bigint[])
         and ($10::integer is null or c.attempts - c.budget_from + 1 < coalesce(c.max_attempts, $10))
       order by entry.place
       limit $8
         for no key update of c skip locked
    ), forwarded as (
      update ${schema}.callback c set due_at = statement_timestamp(), rev = c.rev + 1
        from free
       where ${isRow('free.id')}
      returning c.id
    )
    select array(select h.id::text from forwarded h order by h.id) as ids,
           last.id, last."dueUs", ${workMs}
      from (values (1)) as always (one)
      left join lateral (select e.id::text, e."dueUs" from entry e where e.place = $7) last on true`,
}

interface ForwardedRow {
  readonly ids: readonly string[]
  readonly id: string | null
  readonly dueUs: number | null
  readonly workMs: number
}

/** Makes these rows due now. The limits of their receiver and the order of their keys still apply. */
export async function bringForward(session: Session, epoch: string, which: Forwarding): Promise<Forwarded> {
  const { origin, urlHash, claimedFromMsAgo, claimedToMsAgo, waitsMs, after, entries, rows, except, sparesLastOf } =
    which
  const [found] = await session.rows<ForwardedRow>(forwardStatement, [
    epoch,
    origin,
    claimedFromMsAgo,
    waitsMs,
    after.dueUs,
    after.id,
    entries,
    rows,
    except,
    sparesLastOf,
    claimedToMsAgo,
    urlHash,
  ])
  if (!found) throw new Error('a select from a value must return a row')
  const { ids, id, dueUs, workMs } = found
  return { ids, reached: id === null ? null : { dueUs, id }, workMs }
}
