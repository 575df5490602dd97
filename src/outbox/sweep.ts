import type { Session, Statement } from './session.ts'
import { originHash, rangePlace, workMs } from './sql.ts'

/** Skips in the index from one origin with unsettled rows to the next: it reads one entry of each origin. */
const originsStatement: Statement = {
  name: 'ringback_origins',
  text: schema => `
    with recursive found (hash, origin, n) as (
      (${nextOrigin(schema, '$1::bigint', '1')})
      union all
      select next.* from found cross join lateral (${nextOrigin(schema, 'found.hash', 'found.n + 1')}) next where found.n < $2
    )
    select found.hash, found.origin, ${workMs} from (values (1)) as always (one) left join found on true order by found.n`,
}

function nextOrigin(schema: string, after: string, n: string): string {
  return `
         select ${originHash} as hash, c.origin, ${n} as n
           from ${schema}.callback c
          where c.settled_at is null and ${originHash} > ${after}
          order by ${originHash}, ${rangePlace}, c.id
          limit 1`
}

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
 * 3 in 10^10: then a sweep finds one only while the other has none.
 */
export async function readOrigins(session: Session, after: string, limit: number): Promise<SweptOrigins> {
  const found = await session.rows<{ hash: string; origin: string | null; workMs: number }>(originsStatement, [
    after,
    limit,
  ])
  const last = found.at(-1)
  const origins = found.flatMap(({ origin }) => origin ?? [])
  return { origins, next: origins.length === limit && last ? last.hash : null, workMs: last?.workMs ?? 0 }
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
