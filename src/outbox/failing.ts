import type { Session, Statement } from './session.ts'
import { dueTime, isFree, originHash, rangePlace, secondsSince } from './sql.ts'

/** A receiver whose newest known attempt failed, and which has callbacks to retry; or one URL of a receiver that is well. */
export interface FailingReceiver {
  readonly origin: string
  /** The URL without its query, if the other URLs of the origin are well; null: all of the origin fails. */
  readonly url: string | null
  /**
   * Seconds since the first failure of its oldest failed callback, or since its last known delivery, if that is later.
   */
  readonly failingSeconds: number
  /** Callbacks that have failed and will be retried. */
  readonly failed: number
  /** Attempts of these callbacks, in total. */
  readonly attempts: number
  /** Unsettled callbacks to the receiver or URL, among the first `mostWaiting` of the origin. */
  readonly waiting: number
  /** The error of the newest attempt. The receiver may have written parts of it. */
  readonly reason: string
  /** null: no answer. */
  readonly httpStatus: number | null
  readonly lastFailedSecondsAgo: number
  /** null: the settled callbacks read show no delivery. */
  readonly lastDeliveredSecondsAgo: number | null
  /** The settled callbacks read reach back to the first failure, so nothing was delivered since. */
  readonly isSure: boolean
}

export const mostWaiting = 250
/** Most retries read, in the order of their due time. The page reads them every few seconds. */
const retriesRead = 1_000
/** Most settled callbacks read, the newest first: there is no index by origin and time. */
const settledRead = 2_500
export const mostReceivers = 20
/** Most URLs of origins that are well. */
const mostUrls = 10
/** With fewer callbacks the URL is not mentioned: the callback fails, not the receiver. */
const fewestOfUrl = 3

const withoutQuery = `split_part(c.url, '?', 1)`

/**
 * Each part has a limit, since unsettled and settled rows may number millions. A held callback is not tried, so it does
 * not count as failing.
 */
const failingStatement: Statement = {
  name: 'ringback_failing',
  text: schema => `
    with retried as materialized (
      select c.id, c.url, c.origin, c.status, c.attempts - c.budget_from as tried, c.budget_from, c.message_id, c.last_error, c.last_http_status, c.claimed_at, c.created_at
        from ${schema}.callback c where c.due_at is not null order by ${dueTime}, c.id limit ${retriesRead}
    ), failed as materialized (
      -- Most origins have no hold, which one hashed list of all holds' origins tells. Only the others need isFree.
      select c.*, ${withoutQuery} as bare from retried c
       where c.claimed_at is not null and (c.status = 'pending' and c.tried > 0 or c.status = 'claimed' and c.tried > 1)
         and (c.origin not in (select h.origin from ${schema}.hold h) and split_part(c.origin, '/', 1) not in (select h.origin from ${schema}.hold h)
              or ${isFree(schema)})
    ), grouped as materialized (
      -- The empty url stands for all of the origin.
      select origin, coalesce(bare, '') as url, count(*)::float8 as failed, sum(tried)::float8 as attempts, max(claimed_at) as newest_at, min(created_at) as oldest_at
        from failed group by grouping sets ((origin), (origin, bare))
    ), recent as materialized (
      select c.origin, c.url, c.status, c.settled_at
        from ${schema}.callback c where c.settled_at is not null order by c.settled_at desc, c.id desc limit ${settledRead}
    ), settled as materialized (
      -- Only origins that have failed: the joins below are nested loops, since the planner expects one row of each part.
      select origin, coalesce(bare, '') as url, max(settled_at) as at
        from (select c.origin, ${withoutQuery} as bare, c.settled_at from recent c where c.status = 'delivered' and c.origin in (select g.origin from grouped g)) c
       group by grouping sets ((origin), (origin, bare))
    ), seen as materialized (
      select case when count(*) < ${settledRead} then '-infinity' else min(settled_at) end as since from recent
    ), origins as materialized (
      -- When each has delivered last, and how many of its URLs have failed since.
      select g.origin, o.at, count(*) filter (where o.at is null or g.newest_at > o.at) as ill
        from grouped g left join settled o on o.origin = g.origin and o.url = ''
       where g.url <> '' group by g.origin, o.at
    ), receivers as materialized (
      (select g.*, o.at as delivered_at, o.at as origin_at, o.ill from grouped g join origins o on o.origin = g.origin
        where g.url = '' and o.ill > 0 order by g.failed desc, g.origin limit ${mostReceivers})
      union all
      (select g.*, d.at, o.at, o.ill from grouped g join origins o on o.origin = g.origin and o.ill <= 1
         left join settled d on d.origin = g.origin and d.url = g.url
        where g.url <> '' and coalesce(d.at, '-infinity') < o.at and coalesce(d.at, '-infinity') < g.newest_at order by g.failed desc, g.attempts desc, g.url limit ${mostUrls})
    ), newest as materialized (
      select distinct on (c.origin, r.url) c.origin, r.url as of_url, c.id, c.message_id, c.claimed_at, c.last_error, c.last_http_status from receivers r
        join failed c on c.claimed_at = r.newest_at and c.origin = r.origin and r.url in ('', c.bare) order by c.origin, r.url, c.id
    ), oldest as materialized (
      select distinct on (c.origin, r.url) c.origin, r.url as of_url, c.id, c.message_id, c.claimed_at, c.budget_from from receivers r
        join failed c on c.created_at = r.oldest_at and c.origin = r.origin and r.url in ('', c.bare) order by c.origin, r.url, c.id
    ), examined as materialized (
      -- This join comes before the lateral parts. A planner with a wrong estimate would otherwise run those for each
      -- failed callback.
      select r.origin, r.url, r.delivered_at, r.origin_at, r.ill, r.failed, r.attempts, n.last_error, n.last_http_status, n.id as newest, n.message_id as newest_message, n.claimed_at as newest_at,
             o.id as oldest, o.message_id as oldest_message, o.claimed_at as oldest_claimed_at, o.budget_from
        from receivers r
        join newest n on n.origin = r.origin and n.of_url = r.url
        join oldest o on o.origin = r.origin and o.of_url = r.url
    )
    select r.origin, nullif(r.url, '') as url, r.failed, r.attempts, coalesce(r.last_error, 'no reason given') as reason, r.last_http_status as "httpStatus",
           ${secondsSince('greatest(f.at, r.delivered_at)')} as "failingSeconds", ${secondsSince('l.at')} as "lastFailedSecondsAgo",
           ${secondsSince('r.delivered_at')} as "lastDeliveredSecondsAgo", seen.since <= greatest(f.at, r.delivered_at) as "isSure",
           r.ill::float8 as ill, r.url <> '' and r.origin_at > greatest(f.at, r.delivered_at) as "isAlone", r.newest_at > r.origin_at as "isNewest"
      from examined r
     cross join seen
     cross join lateral (
       select coalesce(min(a.finished_at), r.oldest_claimed_at) as at from ${schema}.attempt a
        where a.callback_id = any (array[r.oldest]) and a.message_id = r.oldest_message and a.attempt > r.budget_from) f
     cross join lateral (
       select coalesce(max(a.finished_at), r.newest_at) as at from ${schema}.attempt a
        where a.callback_id = any (array[r.newest]) and a.message_id = r.newest_message) l
     where r.delivered_at is null or r.delivered_at < l.at
     order by "failingSeconds" desc`,
}

const waitingStatement: Statement = {
  name: 'ringback_failing_waiting',
  text: schema => `
    select w.waiting
      from unnest($1::text[], $2::text[]) with ordinality r (origin, url, place)
     cross join lateral (
       select count(*) filter (where c.origin = r.origin and (r.url is null or ${withoutQuery} = r.url))::float8 as waiting
         from (select c.origin, c.url from ${schema}.callback c
                where c.settled_at is null and ${originHash} = hashtextextended(r.origin, 0)
                order by ${originHash}, ${rangePlace}, c.id limit ${mostWaiting}) c) w
     order by r.place`,
}

interface Suspect extends Omit<FailingReceiver, 'waiting'> {
  /** How many URLs of the origin have failed since its last delivery. */
  readonly ill: number
  /** A URL whose origin has delivered elsewhere since it began to fail. */
  readonly isAlone: boolean
  /** It has failed since the last delivery of its origin. */
  readonly isNewest: boolean
}

/**
 * What has failed for longest comes first. Beyond `mostReceivers` origins and `mostUrls` URLs, those with the fewest failed
 * callbacks are left out.
 */
export async function readFailing(session: Session): Promise<FailingReceiver[]> {
  const suspects = await session.rows<Suspect>(failingStatement)
  // The newest attempt at an origin may be the failure of a URL that fails alone. Then the origin is well.
  const urls = suspects.filter(({ isAlone }) => isAlone)
  const isWell = ({ origin, ill }: Suspect) => ill === 1 && urls.some(each => each.origin === origin && each.isNewest)
  const origins = suspects.filter(each => each.url === null && !isWell(each))
  const found = suspects.filter(
    each => origins.includes(each) || (each.isAlone && origins.every(({ origin }) => origin !== each.origin)),
  )
  if (found.length === 0) return []
  const counts = await session.rows<{ waiting: number }>(waitingStatement, [
    found.map(({ origin }) => origin),
    found.map(({ url }) => url),
  ])
  return found
    .map(({ ill, isAlone, isNewest, ...receiver }, n) => ({ ...receiver, waiting: counts[n]?.waiting ?? 0 }))
    .filter(({ url, waiting }) => url === null || waiting >= fewestOfUrl)
}

/** How people call it: the origin, or the URL that fails alone. */
export function nameOf({ origin, url }: Pick<FailingReceiver, 'origin' | 'url'>): string {
  return url === null ? origin : `${url} alone`
}

/** Seconds for which a receiver may fail. A restart takes less. */
const patience = 600
/** Attempts needed to judge the receiver. */
const fewest = 3

/**
 * True if the receiver itself fails. If too much was settled since to read all of it, failures of one or two callbacks
 * do not count.
 */
export function hasOnlyFailed({ failingSeconds, attempts, failed, isSure }: FailingReceiver): boolean {
  return failingSeconds >= patience && attempts >= fewest && (isSure || failed >= fewest)
}
