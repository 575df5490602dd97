/** What the screen of one origin shows beside the figures of its unsettled callbacks. */
import type { Session, Statement } from './session.ts'

/** A registration, as far as the division of the origins uses it. */
export interface RegisteredRelay {
  readonly node: string
  readonly name: string
  readonly isAble: boolean
  readonly digest: string
  readonly wanted: string | null
  readonly startedAtMs: number
  readonly forces: boolean
  readonly leaseMs: number
  readonly renewedMsAgo: number
}

const relaysStatement: Statement = {
  name: 'ringback_screen_relays',
  text: schema => `
    select r.node::text as node, r.name, p.serving or p.standby is not null as "isAble", p.digest, p.wanted, p.forces,
           extract(epoch from p.started_at)::float8 * 1000 as "startedAtMs", extract(epoch from r.lease)::float8 * 1000 as "leaseMs",
           extract(epoch from clock_timestamp() - p.renewed_at)::float8 * 1000 as "renewedMsAgo"
      from ${schema}.relay r join ${schema}.pulse p on p.epoch = r.epoch`,
}

export function readRegistered(session: Session): Promise<RegisteredRelay[]> {
  return session.rows(relaysStatement)
}

/** Settled callbacks that are read, the newest of all origins: there is no index by origin and time. */
export const settledRead = 2_500

/** The newest deliveries of an origin. */
export interface Deliveries {
  readonly count: number
  readonly newestAt: Date
  /** How long their last attempts took, in milliseconds: half of them at most `p50Ms`. */
  readonly p50Ms: number
  readonly p95Ms: number
}

const deliveriesStatement: Statement = {
  name: 'ringback_screen_deliveries',
  text: schema => `
    select d.count::float8 as count, d."newestAt", d.took[1] as "p50Ms", d.took[2] as "p95Ms"
      from (select count(*) as count, max(settled_at) as "newestAt",
                   percentile_disc(array[0.5, 0.95]) within group (order by extract(epoch from last_finished_at - last_started_at)::float8 * 1000) as took
              from (select c.origin, c.status, c.settled_at, c.last_started_at, c.last_finished_at
                      from ${schema}.callback c where c.settled_at is not null order by c.settled_at desc, c.id desc limit ${settledRead}) c
             where status = 'delivered' and origin = $1) d
     where d.count > 0`,
}

/** @returns undefined: none of those read is a delivery to this origin. */
export async function readDeliveries(session: Session, origin: string): Promise<Deliveries | undefined> {
  const [row] = await session.rows<Deliveries>(deliveriesStatement, [origin])
  return row
}
