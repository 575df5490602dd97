import { setTimeout as sleep } from 'node:timers/promises'
import { type Left, readLeft } from '../outbox/left.ts'
import type { Session } from '../outbox/session.ts'
import { drainQuietMs, drainReadMs, sweepShare } from '../policy/tuning.ts'

export interface DrainParts {
  /** Receivers and URLs whose breakers are open: what is due there is not waited for. */
  readonly broken: () => readonly string[]
  /** By this relay, so far: where what is delivered is not kept, the table does not tell. */
  readonly delivered: () => number
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
  #settledUs: number | null | undefined
  #delivered = 0
  /** Of the first reading: what was dead by then is none of this relay's. */
  #sinceUs: number | null = null
  #quietFrom: number | null = null
  #progressAt = performance.now()

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
   * @throws what the database says, where it cannot be asked at the end of the patience.
   */
  async ended(stopped: AbortSignal): Promise<DrainEnd | null> {
    while (!stopped.aborted) {
      const startedAt = performance.now()
      const left = await this.#read(startedAt)
      const now = performance.now()
      if (left && this.#quietFrom !== null && startedAt - this.#quietFrom >= drainQuietMs)
        return { ...left, gaveUp: null }
      if (now - this.#progressAt >= this.#parts.patienceMs) return this.#giveUp()
      await sleep(Math.max(drainReadMs, (now - startedAt) / sweepShare), undefined, { signal: stopped }).catch(() => {})
    }
    return null
  }

  /** null: the database could not be asked. The relay itself sees that a connection is lost, and makes another. */
  async #read(now: number): Promise<Left | null> {
    try {
      const left = await this.#ask(false)
      this.#sinceUs ??= left.nowUs
      const delivered = this.#parts.delivered()
      if (left.settledUs !== this.#settledUs || delivered > this.#delivered) this.#progressAt = now
      this.#settledUs = left.settledUs
      this.#delivered = delivered
      this.#quietFrom = left.isBusy ? null : (this.#quietFrom ?? now)
      return left
    } catch {
      this.#quietFrom = null
      return null
    }
  }

  async #giveUp(): Promise<DrainEnd> {
    const gaveUp = `nothing was settled for ${Math.round(this.#parts.patienceMs / 1_000)} s`
    return { ...(await this.#ask(true)), gaveUp }
  }

  #ask(counts: boolean): Promise<Left> {
    return readLeft(this.#session, { except: this.#parts.broken(), sinceUs: this.#sinceUs, counts })
  }
}
