import type { Session, Statement } from './session.ts'
import { dueTime, isFree, originHash, rangePlace, secondsSince } from './sql.ts'

/** A receiver whose newest known attempt failed, and which has callbacks to retry. */
export interface FailingReceiver {
  readonly origin: string
  /**
   * Seconds since the first failure of its oldest failed callback, or since its last known delivery, if that is later.
   */
  readonly failingSeconds: number
  /** Callbacks that have failed and will be retried. */
  readonly failed: number
  /** Attempts of these callbacks, in total. */
  readonly attempts: number
  /** Unsettled callbacks to the receiver; counted up to `mostWaiting`. */
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

export const mostWaiting = 1_000
/** Most retries read, in the order of their due time. */
export const retriesRead = 2_500
/** Most settled callbacks read, the newest first: there is no index by origin and time. */
export const settledRead = 5_000
export const mostReceivers = 20

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
      select c.* from retried c
       where c.claimed_at is not null and (c.status = 'pending' and c.tried > 0 or c.status = 'claimed' and c.tried > 1)
         and (c.origin not in (select h.origin from ${schema}.hold h) and split_part(c.origin, '/', 1) not in (select h.origin from ${schema}.hold h)
              or ${isFree(schema)})
    ), receivers as materialized (
      select origin, count(*)::float8 as failed, sum(tried)::float8 as attempts, max(claimed_at) as newest_at, min(created_at) as oldest_at
        from failed group by origin order by count(*) desc, origin limit ${mostReceivers}
    ), newest as materialized (
      select distinct on (c.origin) c.* from receivers r join failed c on c.origin = r.origin and c.claimed_at = r.newest_at order by c.origin, c.id
    ), oldest as materialized (
      select distinct on (c.origin) c.* from receivers r join failed c on c.origin = r.origin and c.created_at = r.oldest_at order by c.origin, c.id
    ), examined as materialized (
      -- This join comes before the lateral parts. A planner with a wrong estimate would otherwise run those for each
      -- failed callback.
      select r.origin, r.failed, r.attempts, n.last_error, n.last_http_status, n.id as newest, n.message_id as newest_message, n.claimed_at as newest_at,
             o.id as oldest, o.message_id as oldest_message, o.claimed_at as oldest_claimed_at, o.budget_from
        from receivers r join newest n on n.origin = r.origin join oldest o on o.origin = r.origin
    ), settled as materialized (
      select origin, max(settled_at) filter (where status = 'delivered') as at, min(settled_at) as since, count(*) as count
        from (select c.origin, c.status, c.settled_at
                from ${schema}.callback c where c.settled_at is not null order by c.settled_at desc, c.id desc limit ${settledRead}) c
       group by origin
    ), seen as materialized (
      select case when coalesce(sum(count), 0) < ${settledRead} then '-infinity' else min(since) end as since from settled
    )
    select r.origin, r.failed, r.attempts, coalesce(r.last_error, 'no reason given') as reason, r.last_http_status as "httpStatus",
           ${secondsSince('greatest(f.at, d.at)')} as "failingSeconds", ${secondsSince('l.at')} as "lastFailedSecondsAgo",
           ${secondsSince('d.at')} as "lastDeliveredSecondsAgo", seen.since <= greatest(f.at, d.at) as "isSure", w.waiting
      from examined r
      left join settled d on d.origin = r.origin
     cross join seen
     cross join lateral (
       select coalesce(min(a.finished_at), r.oldest_claimed_at) as at from ${schema}.attempt a
        where a.callback_id = any (array[r.oldest]) and a.message_id = r.oldest_message and a.attempt > r.budget_from) f
     cross join lateral (
       select coalesce(max(a.finished_at), r.newest_at) as at from ${schema}.attempt a
        where a.callback_id = any (array[r.newest]) and a.message_id = r.newest_message) l
     cross join lateral (
       select count(*) filter (where e.origin = r.origin)::float8 as waiting
         from (select c.origin from ${schema}.callback c
                where c.settled_at is null and ${originHash} = hashtextextended(r.origin, 0)
                order by ${originHash}, ${rangePlace}, c.id limit ${mostWaiting}) e) w
     where d.at is null or d.at < l.at
     order by "failingSeconds" desc`,
}

/**
 * The receiver that has failed for longest comes first. Beyond `mostReceivers`, those with the fewest failed callbacks
 * are left out.
 */
export function readFailing(session: Session): Promise<FailingReceiver[]> {
  return session.rows<FailingReceiver>(failingStatement)
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
