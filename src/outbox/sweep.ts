import type { Session, Statement } from './session.ts'
import { originHash, rangePlace, workMs } from './sql.ts'

/**
 * Skips in the index from one origin with unsettled rows to the next: it passes the dead entries of an origin, then reads one
 * living entry. Origins that are known to be behind are skipped without a look: each is found as a hash without a name.
 */
const originsStatement: Statement = {
  name: 'ringback_origins',
  text: schema => `
    with recursive known as materialized (
      select hashtextextended(name, 0) as hash from unnest($3::text[]) as named (name)
    ), found (hash, origin, n) as (
      (${nextOrigin(schema, '$1::bigint', '1')})
      union all
      select next.* from found cross join lateral (${nextOrigin(schema, 'found.hash', 'found.n + 1')}) next where found.n < $2
    )
    select found.hash, found.origin, ${workMs} from (values (1)) as always (one) left join found on true order by found.n`,
}

function nextOrigin(schema: string, after: string, n: string): string {
  return `
         select coalesce(next.hash, bound.hash) as hash, next.origin, ${n} as n
           from (select min(known.hash) as hash from known where known.hash > ${after}) bound
           left join lateral (
             select ${originHash} as hash, c.origin
               from ${schema}.callback c
              where c.settled_at is null and ${originHash} > ${after}
                and ${originHash} <= coalesce(bound.hash - 1, ${greatestHash})
              order by ${originHash}, ${rangePlace}, c.id
              limit 1) next on true
          where coalesce(next.hash, bound.hash) is not null`
}

const greatestHash = '9223372036854775807'

/** Before the first origin. */
export const sweepStart = '-9223372036854775808'

export interface SweptOrigins {
  readonly origins: readonly string[]
  /** Where the sweep goes on; null: it has read all. */
  readonly next: string | null
  /** What the server has worked, in milliseconds. */
  readonly workMs: number
}

/**
 * The next origins with unsettled callbacks, in the order of their hashes. Two of 100,000 share a hash with a chance of
 * 3 in 10^10: then a sweep finds one only while the other has none, and is not skipped.
 *
 * @param limit most origins, with those that are skipped.
 * @param known origins to skip, a few that are behind: before their first row there may be a million dead entries.
 */
export async function readOrigins(
  session: Session,
  after: string,
  limit: number,
  known: readonly string[] = [],
): Promise<SweptOrigins> {
  const found = await session.rows<FoundOrigin>(originsStatement, [after, limit, known])
  const last = found.at(-1)
  const isFull = found.length === limit
  return {
    origins: found.flatMap(({ origin }) => origin ?? []),
    next: isFull && last ? last.hash : null,
    workMs: last?.workMs ?? 0,
  }
}

interface FoundOrigin {
  /** null: none was found, and this is the only row. */
  readonly hash: string | null
  /** null: none, or it was skipped. */
  readonly origin: string | null
  readonly workMs: number
}

/** The holds, as far as reading needs them. */
export interface HeldOrigins {
  /** Changes whenever a hold does. */
  readonly digest: string
  /**
   * By the column `hold.origin`; `http:` stands for everything of that scheme. `isWhole`: all of it is held. `digest`:
   * of its holds.
   */
  readonly origins: ReadonlyMap<string, { readonly isWhole: boolean; readonly digest: string }>
}

const digest = `coalesce(sum(hashtextextended(h.url_prefix || ' ' || h.exact, h.id)), 0)::text`

const holdsDigestStatement: Statement = {
  name: 'ringback_holds_digest',
  text: schema => `select ${digest} as digest from ${schema}.hold h`,
}

const holdsStatement: Statement = {
  name: 'ringback_holds',
  text: schema => `
    select h.origin, bool_or(not h.exact and h.rest = '/') as "isWhole", ${digest} as digest from ${schema}.hold h group by h.origin`,
}

/** @returns null: nothing has changed since `known`. */
export async function readHolds(session: Session, known: string): Promise<HeldOrigins | null> {
  const [now] = await session.rows<{ digest: string }>(holdsDigestStatement)
  if (!now || now.digest === known) return null
  const held = await session.rows<{ origin: string; isWhole: boolean; digest: string }>(holdsStatement)
  return { digest: now.digest, origins: new Map(held.map(({ origin, ...more }) => [origin, more])) }
}

/** No holds. */
export const noHolds: HeldOrigins = { digest: '0', origins: new Map() }
