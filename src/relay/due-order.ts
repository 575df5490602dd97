import { compareIds } from '../ids.ts'
import type { DuePosition } from '../outbox/fetch.ts'

/** By time to the millisecond, then by its digits (PostgreSQL writes microseconds), then by id. */
export function isBehind(a: DuePosition, b: DuePosition): boolean {
  if (a.dueAt === b.dueAt) return compareIds(a.id, b.id) < 0
  const [at, bt] = [timeOf(a), timeOf(b)]
  return at < bt || (at === bt && a.dueAt < b.dueAt)
}

function timeOf({ dueAt }: DuePosition): number {
  return dueAt === '-infinity' ? Number.NEGATIVE_INFINITY : Date.parse(dueAt)
}
