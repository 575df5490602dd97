import { compareIds } from '../ids.ts'
import type { IndexPlace, RangeName, ShownRow } from '../model.ts'

export function rangeOf({ dueUs }: IndexPlace): RangeName {
  return dueUs === null ? 'fresh' : 'due'
}

export function otherRange(range: RangeName): RangeName {
  return range === 'fresh' ? 'due' : 'fresh'
}

/** Before the first entry of a range. */
export function startOf(range: RangeName): IndexPlace {
  return { dueUs: range === 'fresh' ? null : Number.NEGATIVE_INFINITY, id: '0' }
}

/** The place immediately before the row: no other row lies between. */
export function justBefore({ dueUs, id }: Pick<ShownRow, 'dueUs' | 'id'>): IndexPlace {
  return { dueUs, id: String(BigInt(id) - 1n) }
}

/** As `comparePlaces`, for ends of stretches: null is after all places. */
export function compareEnds(a: IndexPlace | null, b: IndexPlace | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  return comparePlaces(a, b)
}

/** Both places must be of one range. A row is a place, too. */
export function comparePlaces(a: IndexPlace, b: IndexPlace): number {
  if (a.dueUs !== null && b.dueUs !== null && a.dueUs !== b.dueUs) return a.dueUs < b.dueUs ? -1 : 1
  return compareIds(a.id, b.id)
}
