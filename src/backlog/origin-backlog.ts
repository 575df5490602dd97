import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import { Fifo, type Seat } from './fifo.ts'
import { rangeOf } from './index-place.ts'
import { OriginRange } from './origin-range.ts'

/**
 * - `ready`: may be taken when the turn of its origin comes
 * - `resting`: somebody else has it, or has the row before it; it is ready again at `restsUntil`
 * - `under way`: taken, and not accounted for by `ended` or `refused` yet
 */
export type CandidateState = 'ready' | 'resting' | 'under way'

/** A row in memory. `Memory` alone changes its state, its origin and its seats. */
export interface Candidate {
  readonly id: string
  readonly orderingKey: string | null
  /** As the newest read or the claim showed it. */
  row: ShownRow
  /** What it waits for: its origin, or its URL where that is set apart. */
  origin: OriginBacklog
  state: CandidateState
  /** While under way: what a read showed of it that is newer than the claim. The tip does not show it a second time. */
  newer: ShownRow | undefined
  /** While under way: the earliest other row of its key that a read showed. */
  passedOver: ShownRow | undefined
  /** While under way: its key is asked when it ends, whatever its end names. */
  asks: boolean
  restsUntil: number
  /** Among the ready rows of its origin, or among all that rest. */
  seat: Seat<Candidate> | undefined
  /** Among all that are not under way, the least recently admitted first. */
  age: Seat<Candidate> | undefined
}

/** What an origin, or a URL of it that is set apart, is called among those that wait. */
export function backlogName(origin: string, urlHash: number | null): string {
  return urlHash === null ? origin : `${origin} ${urlHash}`
}

/**
 * What waits for one origin: its rows in memory, and what it has in the table beside them. It exists while it has either.
 * Its seats say in which of the lists over all origins it stands; the list sets them.
 *
 * A URL in trouble is set apart: its rows wait as if it were an origin of its own, and those of other URLs do not wait behind
 * them, in memory or in the table. It stays apart until nothing of it waits.
 */
export class OriginBacklog {
  readonly name: string
  readonly origin: string
  /** null: all URLs of the origin but those set apart. */
  readonly urlHash: number | null
  /** Of an origin: its URLs that are set apart. */
  readonly apart = new Map<number, OriginBacklog>()
  readonly fresh = new OriginRange('fresh')
  readonly due = new OriginRange('due')
  /** Rows in memory, whatever their state. */
  rows = 0
  /** Those of them that rest. */
  resting = 0
  readonly ready = new Fifo<Candidate>()
  /** Among the origins that may start something. */
  turn: Seat<OriginBacklog> | undefined
  /** It had no slot when its turn came, and stands in line again when one is freed. */
  isFull = false
  /** Among the origins that are behind. */
  behind: Seat<OriginBacklog> | undefined
  /** Among those behind that have room for more rows. */
  pull: Seat<OriginBacklog> | undefined
  /** The range whose turn it is when there is room for one row only. */
  turnOf: RangeName = 'fresh'

  constructor(origin: string, urlHash: number | null = null) {
    this.name = backlogName(origin, urlHash)
    this.origin = origin
    this.urlHash = urlHash
  }

  get isBehind(): boolean {
    return this.fresh.isBehind || this.due.isBehind
  }

  /** Rows that take up its room. One that rests does not: a row that somebody has locked, or PostgreSQL refuses, shuts nobody out. */
  get roomTaken(): number {
    return this.rows - this.resting
  }

  rangeOf(place: IndexPlace): OriginRange {
    return this[rangeOf(place)]
  }
}
