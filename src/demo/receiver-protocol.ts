/** What the demo and the receiver's process say to each other. */
import type { Arrival } from './arrival.ts'

/** The systems that want to be called back: each a server of its own, so that one can be down while the others are up. */
export const systems = ['crm', 'erp', 'dwh'] as const
export type System = (typeof systems)[number]

/** From the demo, in a list: what happens from now on to whatever begins with `path`. The reply is `settled`. */
export interface Rule {
  readonly path: string
  /** A number: nobody looks at the POST, and this status is the answer. `answer lost`: once, after the POST was taken. */
  readonly mishap: number | 'answer lost' | 'none'
}

/** From the receiver, in the order in which things happened there. */
export type Report =
  | { readonly kind: 'listening'; readonly origins: Readonly<Record<System, string>> }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'settled' }
  | { readonly kind: 'arrival'; readonly arrival: Arrival }
