import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import { Fifo, type Seat } from './fifo.ts'
import { rangeOf } from './index-place.ts'
import { OriginRange } from './origin-range.ts'

/**
 * - `ready`: may be taken when its origin's turn comes
 * - `resting`: another session or relay has it, or an earlier row of its key, until `restsUntil`
 * - `under way`: taken, until `ended` or `refused`
 */
export type CandidateState = 'ready' | 'resting' | 'under way'

/** A row in memory. `Memory` alone changes its state, its origin and its seats. */
export interface Candidate {
  readonly id: string
  readonly orderingKey: string | null
  /** As the newest read or the claim showed it. */
  row: ShownRow
  /** Where it waits: at its origin, or at its URL if that is set apart. */
  origin: OriginBacklog
  state: CandidateState
  /** While under way: a copy that a read showed and that is newer than the claim. The tip does not show it again. */
  newer: ShownRow | undefined
  /** While under way: the earliest other row of its key that a read showed. */
  passedOver: ShownRow | undefined
  /** The first row of its key is asked for: when it leaves memory, or when its attempt ends, whatever the end names. */
  asks: boolean
  /** A later row of its key was read. The key waits for the record of this one, so that must not wait for others. */
  isFollowed: boolean
  restsUntil: number
  /** In the list of ready rows of its origin, or of all resting rows. */
  seat: Seat<Candidate> | undefined
  /** In the list of all rows not under way, the least recently admitted first. */
  age: Seat<Candidate> | undefined
}

/** The name of an origin, or of a URL set apart, in the backlog. */
export function backlogName(origin: string, urlHash: number | null): string {
  return urlHash === null ? origin : `${origin} ${urlHash}`
}

/**
 * What waits for one origin: rows in memory, and more in the table. It exists while it has either.
 *
 * A URL in trouble is set apart: its rows wait as if it were an origin, until none waits, and those of other URLs do
 * not wait behind them.
 */
export class OriginBacklog {
  readonly name: string
  readonly origin: string
  /** null: all URLs of the origin, except those set apart. */
  readonly urlHash: number | null
  /** The URLs of the origin that are set apart. */
  readonly apart = new Map<number, OriginBacklog>()
  readonly fresh = new OriginRange('fresh')
  readonly due = new OriginRange('due')
  /** Rows in memory, in any state. */
  rows = 0
  /** Rows under way among these. */
  underWay = 0
  readonly ready = new Fifo<Candidate>()
  /** In the line of origins that may start something. */
  turn: Seat<OriginBacklog> | undefined
  /** It had no slot at its turn. It gets back into line when a slot is freed. */
  isFull = false
  /** In the list of origins that are behind. */
  behind: Seat<OriginBacklog> | undefined
  /** In the list of origins behind that have room for more rows. */
  pull: Seat<OriginBacklog> | undefined
  /**
   * The range that is pulled first: the other one than that of the last row taken, or of the last pull that found no row.
   * Turns by pull alone could give every probe the same range, since an origin may be pulled twice between two probes.
   */
  turnOf: RangeName = 'fresh'

  constructor(origin: string, urlHash: number | null = null) {
    this.name = backlogName(origin, urlHash)
    this.origin = origin
    this.urlHash = urlHash
  }

  get isBehind(): boolean {
    return this.fresh.isBehind || this.due.isBehind
  }

  rangeOf(place: IndexPlace): OriginRange {
    return this[rangeOf(place)]
  }

  rewind(isWanted: boolean): void {
    this.fresh.rewind(isWanted)
    this.due.rewind(isWanted)
  }

  forget(): void {
    this.fresh.forget()
    this.due.forget()
  }
}
