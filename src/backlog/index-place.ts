import { compareIds } from '../ids.ts'
import type { IndexPlace, RangeName, ShownRow } from '../model.ts'

export function rangeOf({ dueUs }: IndexPlace): RangeName {
  return dueUs === null ? 'fresh' : 'due'
}

/** Before the first entry of a range. */
export function startOf(range: RangeName): IndexPlace {
  return { dueUs: range === 'fresh' ? null : Number.NEGATIVE_INFINITY, id: '0' }
}

/** So near before the row that nothing lies between. */
export function justBefore({ dueUs, id }: Pick<ShownRow, 'dueUs' | 'id'>): IndexPlace {
  return { dueUs, id: String(BigInt(id) - 1n) }
}

/** Places of one range; a row is a place. */
export function comparePlaces(a: IndexPlace, b: IndexPlace): number {
  if (a.dueUs !== null && b.dueUs !== null && a.dueUs !== b.dueUs) return a.dueUs < b.dueUs ? -1 : 1
  return compareIds(a.id, b.id)
}
