/** What the demo and the receiver's process say to each other. */
import type { Arrival } from './arrival.ts'

/** The systems that want to be called back: each a server of its own, so that one can be down while the others are up. */
export const systems = ['crm', 'erp', 'dwh'] as const
export type System = (typeof systems)[number]

/** From the demo, in a list: whatever begins with `path` is answered with `status` from now on. The reply is `settled`. */
export interface Rule {
  readonly path: string
  readonly status: number
}

/** From the receiver, in the order in which things happened there. */
export type Report =
  | { readonly kind: 'listening'; readonly origins: Readonly<Record<System, string>> }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'settled' }
  | { readonly kind: 'arrival'; readonly arrival: Arrival }
