import { ownerOf, sharesOf } from '../../membership/division.ts'
import { patienceMs } from '../../membership/watch.ts'
import type { RegisteredRelay } from '../../outbox/screen-origin.ts'

/**
 * The name of the relay that serves the origin, as the relays themselves work it out from the registrations; null: none
 * lives. While an origin changes hands, the former relay may still end what it has claimed.
 */
export function servedBy(origin: string, relays: readonly RegisteredRelay[]): string | null {
  const living = relays.filter(({ renewedMsAgo, leaseMs }) => renewedMsAgo < patienceMs(leaseMs))
  const owner = living.length === 0 ? undefined : ownerOf(origin, sharesOf(living))
  return living.find(({ node }) => node === owner)?.name ?? null
}
