import { setTimeout as sleep } from 'node:timers/promises'
import { type Left, readLeft } from '../outbox/left.ts'
import type { Session } from '../outbox/session.ts'
import { drainQuietMs, drainReadMs, lookShare } from '../policy/tuning.ts'

export interface DrainParts {
  /** Origins and URLs whose breakers are open. Due callbacks to them are not waited for. */
  readonly broken: () => readonly string[]
  /** How many callbacks this relay has delivered. With `--keep-delivered 0` the table does not show them. */
  readonly delivered: () => number
  /** How long it waits while nothing is settled, in milliseconds. */
  readonly patienceMs: number
}

/** What is left in the table at the end. */
export interface DrainEnd extends Left {
  /** Why it has ended although callbacks are due; null: none is, except at receivers whose breakers are open. */
  readonly gaveUp: string | null
}

/**
 * Finds out when every due callback is delivered. It ends when no row of the table was due or claimed for a second
 * (`drainQuietMs`), in which a first retry comes. It gives up if nothing is settled for `patienceMs`: another relay's
 * receiver may fail, or somebody may hold a lock.
 */
export class Drain {
  readonly #parts: DrainParts
  #session: Session
  #settledUs: number | null | undefined
  #delivered = 0
  /** The time of the first reading. Rows that were dead by then are not counted. */
  #sinceUs: number | null = null
  #quietFrom: number | null = null
  #progressAt = performance.now()

  constructor(session: Session, parts: DrainParts) {
    this.#session = session
    this.#parts = parts
  }

  /** Called with a new session after the connection was lost. */
  goOn(session: Session): void {
    this.#session = session
  }

  /**
   * Must be called before the relay begins.
   *
   * @returns null: the relay was stopped before it had drained.
   * @throws the database's error, if it cannot be asked when the patience has ended.
   */
  async ended(stopped: AbortSignal): Promise<DrainEnd | null> {
    while (!stopped.aborted) {
      const startedAt = performance.now()
      const left = await this.#read(startedAt)
      const now = performance.now()
      if (left && this.#quietFrom !== null && startedAt - this.#quietFrom >= drainQuietMs)
        return { ...left, gaveUp: null }
      if (now - this.#progressAt >= this.#parts.patienceMs) return this.#giveUp()
      await sleep(Math.max(drainReadMs, (now - startedAt) / lookShare), undefined, { signal: stopped }).catch(() => {})
    }
    return null
  }

  /** null: the database could not be asked. The relay itself notices the lost connection and makes another. */
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
