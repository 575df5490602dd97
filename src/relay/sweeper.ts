import type { Backlog } from '../backlog/backlog.ts'
import { isCancelled } from '../outbox/database-errors.ts'
import type { Session } from '../outbox/session.ts'
import { readOrigins, type SweptOrigins, sweepStart } from '../outbox/sweep.ts'
import { longestStepPauseMs, sweepPauseMs, sweptOrigins } from '../policy/tuning.ts'
import { searchPauseMs } from './search-pause.ts'

/**
 * With more origins behind than this, the sweep waits for their pulls: memory remembers no more, and would forget
 * others.
 */
const mostBehind = 10_000
/**
 * A sweep skips at most this many origins that are behind. While a snapshot is held, there may be a million dead entries
 * before the first row of one, and new rows wait while they are read.
 */
const mostKnown = 64
/** How long it waits for the pulls before it checks again, in milliseconds. */
const behindPauseMs = 100

/**
 * The sweep: walks over all origins with unsettled rows, and has each read again. It finds every row that other reads
 * have missed. It goes on for ever, with pauses. A *wanted* sweep begins at once.
 */
export class Sweeper {
  readonly #parts: { readonly session: Session; readonly backlog: Backlog }
  /** Where the sweep goes on; null: none is under way. */
  #place: string | null = null
  /** Origins to skip: they were behind, and have been rewound. */
  #known: readonly string[] = []
  /** Most origins in the next step. */
  #step = sweptOrigins
  /** Whether the sweep under way is a wanted one, which has no pauses between its steps. */
  #isWanted = false
  /** When the last wanted sweep began. */
  #wantedAt = Number.NEGATIVE_INFINITY
  /** What the server has worked for this sweep. The time on the network does not count. */
  #spentMs = 0
  /** What it has worked, since that sweep began, for pulls that found nothing. */
  #pulledMs = 0
  /** When the next step is due, or the next sweep that nothing asks for. */
  #nextAt = 0
  /** When the last sweep ended; null: none has yet. */
  #endedAt: number | null = null

  constructor(parts: { readonly session: Session; readonly backlog: Backlog }) {
    this.#parts = parts
  }

  /** When there is something to do. A wanted sweep begins at most once a second, since any role may ask for one. */
  get nextAt(): number {
    return this.#isNewlyWanted ? Math.min(this.#nextAt, this.#wantedAt + sweepPauseMs) : this.#nextAt
  }

  get endedAt(): number | null {
    return this.#endedAt
  }

  /** A pull has found nothing. Sweeps cause most of such pulls, which read dead entries while a snapshot is held. */
  foundNothing(workMs: number): void {
    this.#pulledMs += workMs
    if (this.#place === null && this.#endedAt !== null) this.#pauseFrom(this.#endedAt)
  }

  /** Makes one step, if it is time. Returns whether there is more to read. */
  async work(): Promise<boolean> {
    const { session, backlog } = this.#parts
    const startedAt = performance.now()
    const begins = this.#isNewlyWanted && startedAt >= this.#wantedAt + sweepPauseMs
    if (begins || (this.#place === null && startedAt >= this.#nextAt)) this.#begin(startedAt)
    if (this.#place === null || startedAt < this.#nextAt) return false
    if (backlog.behind > mostBehind) {
      this.#nextAt = startedAt + behindPauseMs
      return false
    }
    const { origins, next, workMs } = await this.#read(session, this.#place)
    for (const origin of origins) backlog.rewind(origin, this.#isWanted)
    this.#place = next
    const now = performance.now()
    this.#spentMs += workMs
    if (next === null) this.#end(now)
    else if (!this.#isWanted) this.#nextAt = now + searchPauseMs(workMs, longestStepPauseMs)
    return next !== null || origins.length + this.#known.length > 0
  }

  /** Fewer origins after a step that took too long: each may have many dead index entries before it. */
  async #read(session: Session, place: string): Promise<SweptOrigins> {
    try {
      const swept = await readOrigins(session, place, this.#step, this.#known)
      this.#step = Math.min(sweptOrigins, this.#step * 2)
      return swept
    } catch (error) {
      if (isCancelled(error)) {
        this.#step = Math.ceil(this.#step / 8)
        this.#skipBehind()
      }
      throw error
    }
  }

  /** Whether to begin a wanted sweep: the one under way has passed some origins already, or pauses. */
  get #isNewlyWanted(): boolean {
    return this.#parts.backlog.wantsSweep && !this.#isWanted
  }

  #begin(now: number): void {
    this.#isWanted = this.#parts.backlog.wantsSweep
    if (this.#isWanted) this.#wantedAt = now
    this.#parts.backlog.beginSweep()
    this.#skipBehind()
    this.#place = sweepStart
    this.#nextAt = now
    this.#spentMs = 0
    this.#pulledMs = 0
  }

  #skipBehind(): void {
    const { backlog } = this.#parts
    this.#known = backlog.behind > mostBehind ? [] : backlog.someBehind(mostKnown)
    for (const origin of this.#known) backlog.rewind(origin, this.#isWanted)
  }

  #end(now: number): void {
    this.#endedAt = now
    this.#isWanted = false
    this.#pauseFrom(now)
  }

  /**
   * The pause after a sweep: 50 times (`sweepShare`) as long as the server worked, but 1 to 60 s. For pulls at most 10 s: an
   * origin with a million held rows must not hold up for a minute what a sweep would find elsewhere.
   */
  #pauseFrom(endedAt: number): void {
    const ownMs = searchPauseMs(this.#spentMs)
    const allMs = searchPauseMs(this.#spentMs + this.#pulledMs, longestStepPauseMs)
    this.#nextAt = endedAt + Math.max(sweepPauseMs, ownMs, allMs)
  }
}
