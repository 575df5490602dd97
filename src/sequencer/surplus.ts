import { compareIds } from '../ids.ts'
import type { Origin } from './origin.ts'
import type { Row } from './row.ts'

/**
 * What to park when memory runs short, in this order: rows that are blocked or ready, of origins that do not work off
 * theirs within `drainMs`; blocked ones first, then the newest.
 */
export function surplusOf(rows: Iterable<Row>, origins: Iterable<Origin>, drainMs: number, now: number): Row[] {
  const slow = new Set([...origins].filter(origin => !origin.drainsWithin(drainMs, now)))
  if (slow.size === 0) return []
  return [...rows]
    .filter(({ origin, state }) => slow.has(origin) && (state === 'blocked' || state === 'ready'))
    .sort((a, b) => rank(a) - rank(b) || compareIds(b.callback.id, a.callback.id))
}

function rank({ state }: Row): number {
  return state === 'blocked' ? 0 : 1
}
