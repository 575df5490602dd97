import type { Backlog } from '../backlog/backlog.ts'
import type { Session } from '../outbox/session.ts'
import { readOrigins, sweepStart } from '../outbox/sweep.ts'
import { longestSweepPauseMs, sweepPauseMs, sweepShare } from '../policy/tuning.ts'

/** So many origins may be behind before the sweep waits for their pulls: each further one puts another out. */
const mostBehind = 10_000
/** How long it waits for them before it looks again, in milliseconds. */
const behindPauseMs = 100

/**
 * Looks through all origins that have something unsettled, and has each read anew: the net under everything that can be missed.
 * At once when it is wanted, though not twice a second: every role may send the notification that wants it. And again and
 * again, for at most a twentieth of the time.
 */
export class Sweeper {
  readonly #parts: { readonly session: Session; readonly backlog: Backlog }
  /** Where it goes on; null: it rests. */
  #place: string | null = null
  /** The one under way is, so it goes without pauses. */
  #isWanted = false
  /** When the last wanted one began. */
  #wantedAt = Number.NEGATIVE_INFINITY
  #spentMs = 0
  /** Of the next step, or the next sweep that nothing asks for. */
  #nextAt = 0
  /** When the last one had seen all; null: none has yet. */
  #endedAt: number | null = null

  constructor(parts: { readonly session: Session; readonly backlog: Backlog }) {
    this.#parts = parts
  }

  /** When there is something to do. */
  get nextAt(): number {
    return this.#isNewlyWanted ? Math.min(this.#nextAt, this.#wantedAt + sweepPauseMs) : this.#nextAt
  }

  get endedAt(): number | null {
    return this.#endedAt
  }

  /** One step, if it is time. True: it goes on. */
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
    const { origins, next } = await readOrigins(session, this.#place)
    for (const origin of origins) backlog.rewind(origin)
    this.#place = next
    const now = performance.now()
    this.#spentMs += now - startedAt
    if (next === null) this.#end(now)
    else if (!this.#isWanted) this.#nextAt = now + (now - startedAt) / sweepShare
    return next !== null || origins.length > 0
  }

  /** What the sweep under way has passed already may be meant, or it goes too slowly: it begins anew. */
  get #isNewlyWanted(): boolean {
    return this.#parts.backlog.wantsSweep && !this.#isWanted
  }

  #begin(now: number): void {
    this.#isWanted = this.#parts.backlog.wantsSweep
    if (this.#isWanted) this.#wantedAt = now
    this.#parts.backlog.beginSweep()
    this.#place = sweepStart
    this.#nextAt = now
    this.#spentMs = 0
  }

  #end(now: number): void {
    this.#endedAt = now
    this.#isWanted = false
    this.#nextAt = now + Math.max(sweepPauseMs, Math.min(longestSweepPauseMs, this.#spentMs / sweepShare))
  }
}
