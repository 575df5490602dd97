import { setTimeout as sleep } from 'node:timers/promises'
import { type Left, readLeft } from '../outbox/left.ts'
import type { Session } from '../outbox/session.ts'
import { drainQuietMs, drainReadMs, sweepShare } from '../policy/tuning.ts'

export interface DrainParts {
  /** Receivers and URLs whose breakers are open: what is due there is not waited for. */
  readonly broken: () => readonly string[]
  /** So long it waits while nothing is settled, in milliseconds. */
  readonly patienceMs: number
}

/** How the table stands at the end. */
export interface DrainEnd extends Left {
  /** Why it has ended although something is due; null: nothing was, but at receivers whose breakers are open. */
  readonly gaveUp: string | null
}

/**
 * When a relay has delivered what is due. The table alone says so: what is due or claimed, of whatever relay, by whatever way it
 * gets there. So notifications, sweeps and other relays need not be asked, and none of them can be forgotten.
 *
 * It is over when for a second nothing was due or being sent; a first retry, which comes within a second, is waited for by that. It
 * always ends: a receiver that fails for good opens its breaker, and one that hangs is silent until the deadline; and where
 * nothing is settled for `patienceMs`, since another relay's receiver fails or somebody holds a lock, it gives up.
 */
export class Drain {
  readonly #parts: DrainParts
  #session: Session
  #last: Left | null = null
  /** Of the first reading: what was dead by then is none of this relay's. */
  #sinceUs: number | null = null
  #quietFrom: number | null = null
  #progressAt = performance.now()
  #failure: unknown

  constructor(session: Session, parts: DrainParts) {
    this.#session = session
    this.#parts = parts
  }

  /** After the connection was lost. */
  goOn(session: Session): void {
    this.#session = session
  }

  /**
   * To be called before the relay begins.
   *
   * @returns null: it was stopped before.
   * @throws what the database said last, where it could not be asked for so long.
   */
  async ended(stopped: AbortSignal): Promise<DrainEnd | null> {
    while (!stopped.aborted) {
      const startedAt = performance.now()
      const left = await this.#read(startedAt)
      const now = performance.now()
      if (left && this.#quietFrom !== null && startedAt - this.#quietFrom >= drainQuietMs)
        return { ...left, gaveUp: null }
      if (now - this.#progressAt >= this.#parts.patienceMs) return this.#giveUp(left)
      await sleep(Math.max(drainReadMs, (now - startedAt) / sweepShare), undefined, { signal: stopped }).catch(() => {})
    }
    return null
  }

  /** null: the database could not be asked. The relay itself sees that a connection is lost, and makes another. */
  async #read(now: number): Promise<Left | null> {
    try {
      const left = await readLeft(this.#session, this.#parts.broken(), this.#sinceUs)
      this.#sinceUs ??= left.nowUs
      if (this.#last === null || left.settledUs !== this.#last.settledUs || unsettled(left) < unsettled(this.#last))
        this.#progressAt = now
      this.#quietFrom = left.due > left.dueThere ? null : (this.#quietFrom ?? now)
      this.#last = left
      return left
    } catch (error) {
      this.#failure = error
      this.#quietFrom = null
      return null
    }
  }

  #giveUp(left: Left | null): DrainEnd {
    if (left === null) throw this.#failure
    return { ...left, gaveUp: `nothing was settled for ${Math.round(this.#parts.patienceMs / 1_000)} s` }
  }
}

function unsettled({ due, retrying, later, held, behind }: Left): number {
  return due + retrying + later + held + behind
}
