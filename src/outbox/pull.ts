import { idEnd } from '../ids.ts'
import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import { pullEntries } from '../policy/tuning.ts'
import type { Session, Statement } from './session.ts'
import { isFirst, isFree, originHash, rangePlace, shown, timeOf, urlHash, workMs } from './sql.ts'

/** The part of one origin's range to read, and the room for rows. */
export interface PullSpan {
  readonly origin: string
  readonly range: RangeName
  readonly after: IndexPlace
  /** The end of the span; null: none. */
  readonly upTo: IndexPlace | null
  readonly room: number
  /** The only URL to read, by its hash; null: all but `otherUrls`. */
  readonly urlHash: number | null
  /** URLs to leave out. */
  readonly otherUrls: readonly number[]
}

/** What a pull found in one span. */
export interface Pulled {
  /** Rows first of their key and not held, and rows claimed by this relay. */
  readonly rows: readonly ShownRow[]
  /** The last entry read, if others of the span follow; null: all were read. */
  readonly reached: IndexPlace | null
}

/** What a pull found in each of its spans. */
export interface PullAnswer {
  /** In the order of the spans. */
  readonly spans: readonly Pulled[]
  /** What the server has worked, without the way there and back, in milliseconds. */
  readonly workMs: number
}

/** A wanted entry, or the last that was to be read, which tells how far the read came. */
interface Entry extends ShownRow {
  readonly pull: number
  /** null: the span has no entry, and nothing but `pull` and `workMs` is set. */
  readonly place: string | null
  readonly isWanted: boolean
  /** Until this entry was found. */
  readonly workMs: number
}

/**
 * A million rows behind others of their key may stand at the left edge of the index, and no index has only heads. So a
 * read ends after so many entries, or with enough rows for the room. The planner knows only the LIMIT; the comparison
 * of `place` ends the read earlier.
 */
const entries = (schema: string, condition: string) => `
        select e.* from (
          select ${shown('$8::bigint')}, row_number() over () as place,
                 c.origin = p.origin and (p.url_hash is null or ${urlHash} = p.url_hash) and (p.other_urls = '{}' or ${urlHash} <> all (p.other_urls::integer[]))
                   and (c.status = 'claimed' and c.claimed_epoch = $8::bigint
                        or c.status = 'pending' and ${isFirst(schema)} and ${isFree(schema)}) as "isWanted"
            from (
              select * from ${schema}.callback c
               where c.settled_at is null and ${originHash} = hashtextextended(p.origin, 0) and ${condition}
               order by ${originHash}, ${rangePlace}, c.id
               limit ${pullEntries.most}) c
        ) e
         where e.place <= $11 and (e."isWanted" or e.place = $11)
         limit p.room`

const pullStatement: Statement = {
  name: 'ringback_pull',
  text: schema => `
    select p.pull::integer, e.*, ${workMs}
      from unnest($1::text[], $2::boolean[], $3::float8[], $4::bigint[], $5::float8[], $6::bigint[], $7::integer[], $9::integer[], $10::text[]) with ordinality
        as p (origin, fresh, after_us, after_id, end_us, end_id, room, url_hash, other_urls, pull)
      left join lateral (
       (${entries(schema, `p.fresh and ${rangePlace} is null and c.id > p.after_id and c.id <= p.end_id`)})
       union all
       (${entries(
         schema,
         `not p.fresh and ${rangePlace} is not null
               and (${rangePlace}, c.id) > (${timeOf('p.after_us')}, p.after_id) and ${rangePlace} <= least(${timeOf('p.end_us')}, statement_timestamp())`,
       )})
     ) e on true`,
}

/** @param most most index entries that are read of each span, up to `pullEntries.most`. */
export async function pull(
  session: Session,
  epoch: string,
  spans: readonly PullSpan[],
  most: number = pullEntries.most,
): Promise<PullAnswer> {
  const found = await session.rows<Entry>(pullStatement, [
    spans.map(({ origin }) => origin),
    spans.map(({ range }) => range === 'fresh'),
    spans.map(({ after }) => after.dueUs),
    spans.map(({ after }) => after.id),
    spans.map(({ upTo }) => upTo?.dueUs ?? Number.POSITIVE_INFINITY),
    spans.map(({ range, upTo }) => (range === 'fresh' ? (upTo?.id ?? idEnd) : idEnd)),
    spans.map(({ room }) => room),
    epoch,
    spans.map(({ urlHash }) => urlHash),
    spans.map(({ otherUrls }) => `{${otherUrls.join()}}`),
    most,
  ])
  const entriesOf = spans.map((): Entry[] => [])
  for (const entry of found) if (entry.place !== null) entriesOf[entry.pull - 1]?.push(entry)
  return {
    spans: spans.map(({ room }, index) => pulled(entriesOf[index] ?? [], room, most)),
    workMs: found.at(-1)?.workMs ?? 0,
  }
}

function pulled(entries: readonly Entry[], room: number, most: number): Pulled {
  const last = entries.at(-1)
  const isCut = last !== undefined && (entries.length === room || Number(last.place) === most)
  return {
    rows: entries.filter(({ isWanted }) => isWanted),
    reached: isCut ? { dueUs: last.dueUs, id: last.id } : null,
  }
}
