import { compareIds } from '../ids.ts'
import type { ShownRow } from './shown-row.ts'

/** The two ranges of an origin: rows never tried, by id; rows with a due time, by it and then by id. */
export type RangeName = 'fresh' | 'due'

/** A place in a range. Reads go on behind it: the entry at the place itself is not read. */
export interface IndexPlace {
  /** null in the fresh range. */
  readonly dueUs: number | null
  readonly id: string
}

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
