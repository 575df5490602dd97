import type { Session, Statement } from './session.ts'
import { dueTime, isFree, urlHash } from './sql.ts'

/** An origin, or one URL of it, where attempts only failed since the last delivery, as far as the table tells. */
export interface Ongoing {
  readonly origin: string
  /** null: all of the origin. */
  readonly urlHash: number | null
  /** Attempts since the last delivery, of the callbacks that wait for a retry. */
  readonly attempts: number
  /** How long ago that delivery was recorded, in milliseconds; null: it is not among the settled callbacks read. */
  readonly deliveredMsAgo: number | null
}

/** Most retries read, in the order of their due time, and most settled callbacks, the newest first. */
const retriesRead = 2_500
const settledRead = 5_000

const mostOutages = 100

/** The table does not record outages. So callbacks that wait for a retry are compared with recent deliveries. */
const outagesStatement: Statement = {
  name: 'ringback_outages',
  text: schema => `
    with retried as materialized (
      select c.origin, ${urlHash} as url_hash, c.attempts - c.budget_from as tried, c.claimed_at
        from (select * from ${schema}.callback c where c.due_at is not null order by ${dueTime}, c.id limit ${retriesRead}) c
       where c.status = 'pending' and c.attempts > c.budget_from and c.claimed_at is not null and ${isFree(schema)}
    ), delivered as materialized (
      select c.origin, ${urlHash} as url_hash, max(c.settled_at) as at
        from (select * from ${schema}.callback c where c.settled_at is not null order by c.settled_at desc, c.id desc limit ${settledRead}) c
       where c.status = 'delivered'
       group by grouping sets ((1), (1, 2))
    )
    select r.origin, r.url_hash as "urlHash", sum(r.tried)::float8 as attempts,
           (extract(epoch from clock_timestamp() - max(d.at)) * 1000)::float8 as "deliveredMsAgo"
      from (select origin, null::integer as url_hash, tried, claimed_at from retried union all select * from retried) r
      left join delivered d on d.origin = r.origin and d.url_hash is not distinct from r.url_hash
     where d.at is null or r.claimed_at > d.at
     group by 1, 2
     order by 3 desc, 1, 2
     limit ${mostOutages}`,
}

/** Those with most attempts come first. */
export function readOutages(session: Session): Promise<Ongoing[]> {
  return session.rows<Ongoing>(outagesStatement)
}
