import { compareIds } from '../../src/ids.ts'
import { type Case, idOf, isSettled, isSuccess, recordsOf } from './cases.ts'
import type { Judging } from './rules.ts'

/** The times of a row that its order depends on: two of each of the three clocks, as far as they are known. */
interface Place {
  readonly each: Case
  readonly id: string
  /** A row that was inserted after this time was inserted after this one existed. Infinity: not known. */
  readonly thereAt: number
  readonly insertingAt: number
  /** When it was first settled. -Infinity: not known, and not judged. */
  readonly settledAt: number
  /** The start of its first attempt; Infinity: there was none. */
  readonly startedAt: number
  /** The same two times as a receiver sees them. */
  readonly deliveredAt: number
  readonly arrivedAt: number
}

export interface Inversion {
  readonly each: Case
  readonly detail: string
}

/**
 * The order of the rows of one key. `undecided` counts rows for which it is not known when they existed or were
 * settled.
 */
export interface KeyOrder {
  readonly inversions: readonly Inversion[]
  readonly undecided: number
}

/**
 * Finds first attempts that started before an earlier row of their key was settled. It walks in the order of inserts
 * and remembers the row that was settled last: a key may have 100,000 rows.
 */
export function orderOfKey(cases: readonly Case[], judging: Judging): KeyOrder {
  const places = cases.map(each => place(each, judging))
  const there = places.filter(({ thereAt }) => thereAt < Infinity).sort((a, b) => a.thereAt - b.thereAt)
  const inserted = [...places].sort((a, b) => a.insertingAt - b.insertingAt)
  const inversions: Inversion[] = []
  let next = 0
  let settledLast: Place | undefined
  let deliveredLast: Place | undefined
  for (const row of inserted) {
    for (let earlier = there[next]; earlier && earlier.thereAt <= row.insertingAt; earlier = there[++next]) {
      if (earlier.settledAt > (settledLast?.settledAt ?? -Infinity)) settledLast = earlier
      if (earlier.deliveredAt > (deliveredLast?.deliveredAt ?? -Infinity)) deliveredLast = earlier
    }
    const detail = startedTooSoon(row, settledLast) ?? arrivedTooSoon(row, deliveredLast)
    if (detail !== null) inversions.push({ each: row.each, detail })
  }
  const undecided = places.filter(({ thereAt, settledAt, deliveredAt }) => {
    return thereAt === Infinity || (settledAt === -Infinity && deliveredAt === -Infinity)
  })
  return { inversions, undecided: undecided.length }
}

function startedTooSoon(row: Place, earlier: Place | undefined): string | null {
  if (!earlier || !isEarlier(earlier, row) || row.startedAt >= earlier.settledAt) return null
  const settled = earlier.settledAt === Infinity ? 'which is not settled' : `settled ${time(earlier.settledAt)}`
  return `attempt 1 started ${time(row.startedAt)}, before ${named(earlier)} of its key, ${settled}`
}

function arrivedTooSoon(row: Place, earlier: Place | undefined): string | null {
  if (!earlier || !isEarlier(earlier, row) || row.arrivedAt >= earlier.deliveredAt) return null
  const soonerMs = Math.round(earlier.deliveredAt - row.arrivedAt)
  return `arrived ${soonerMs} ms before the delivery of ${named(earlier)} of its key`
}

/**
 * A row that existed before another was inserted has the lower id, unless the other's id was drawn long before its
 * insert.
 */
function isEarlier(earlier: Place, row: Place): boolean {
  return earlier !== row && compareIds(earlier.id, row.id) < 0
}

function place(each: Case, { hasBook, ignoreDatabaseTimes, keepsDelivered }: Judging): Place {
  const { row, written, arrivals } = each
  const startedAt = Math.min(...recordsOf(each, 1).map(a => a.startedAt))
  const wasActedOn = each.acts.length > 0 || (row?.budgetFrom ?? 0) > 0
  const committedAt = typeof written?.committedAt === 'number' ? written.committedAt : Infinity
  return {
    each,
    id: idOf(each) ?? '0',
    // Without a book it is known to exist only when it was first sent.
    thereAt: hasBook ? committedAt : startedAt,
    insertingAt: hasBook ? (written?.insertingAt ?? -Infinity) : (row?.createdAt ?? -Infinity),
    settledAt: ignoreDatabaseTimes ? -Infinity : firstSettledAt(each),
    startedAt: ignoreDatabaseTimes ? Infinity : startedAt,
    deliveredAt: wasActedOn ? -Infinity : deliveredAt(each, keepsDelivered),
    arrivedAt: Math.min(...arrivals.map(({ at }) => at)),
  }
}

function firstSettledAt(each: Case): number {
  const { row, acts } = each
  if (row === undefined) return -Infinity
  const [first, ...more] = acts
  if (first?.act === 'replay') {
    // Two relays may have recorded the attempt. The first record settled the row, or it expired between the two.
    const finished = recordsOf(each, first.attempts).map(a => a.finishedAt)
    return finished.length === 0 ? -Infinity : Math.min(...finished)
  }
  // Cancelled and then replayed, or replayed without a book: the time when it was first settled is not known.
  if (more.length > 0 || row.budgetFrom > 0) return -Infinity
  if (!isSettled(row)) return Infinity
  return row.settledAt ?? -Infinity
}

/**
 * When the receiver took the callback: the first arrival that it answered with 2xx and that is recorded as delivered.
 * For a row that was deleted as it was recorded, the answer alone counts.
 */
function deliveredAt({ row, attempts, arrivals }: Case, keepsDelivered: boolean): number {
  if (row === undefined && !keepsDelivered) {
    const taken = arrivals.filter(({ answered }) => isSuccess(answered))
    return taken.length === 0 ? -Infinity : Math.min(...taken.map(({ at }) => at))
  }
  const delivered = new Set(attempts.flatMap(({ attempt, outcome }) => (outcome === 'delivered' ? attempt : [])))
  const taken = arrivals.filter(({ attempt, answered }) => delivered.has(attempt) && isSuccess(answered))
  return taken.length === 0 ? -Infinity : Math.min(...taken.map(({ at }) => at))
}

function named({ id, each }: Place): string {
  return id === '0' ? each.messageId : `callback ${id}`
}

function time(at: number): string {
  return new Date(at).toISOString()
}
