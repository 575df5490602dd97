/** A start may be this much early, in milliseconds: POSTs then start in small groups instead of one per timer. */
const toleranceMs = 50
/** One request may take so much longer than the next from its start to the receiver, in milliseconds. */
const jitterMs = 10

/**
 * A rate limit by the generic cell rate algorithm (GCRA), with a tolerance of 50 ms. Unused starts are not saved up. The
 * intervals are a little longer than the rate says, so that the receiver sees no more requests in any second, tolerance
 * and jitter or not.
 */
export class RateLimit {
  readonly #intervalMs: number
  /** How much earlier than its interval says a start may be. */
  readonly #earlyMs: number
  #nextAt = Number.NEGATIVE_INFINITY

  /** @param ratePerSecond null: no limit. */
  constructor(ratePerSecond: number | null) {
    const evenMs = ratePerSecond === null ? 0 : 1_000 / ratePerSecond
    this.#earlyMs = Math.max(0, toleranceMs - evenMs)
    this.#intervalMs = evenMs * (1 + (this.#earlyMs + jitterMs) / 1_000)
  }

  /** When the next start may be; in the past: at once. */
  get opensAt(): number {
    return this.#nextAt - this.#earlyMs
  }

  /** How many may start now. */
  startable(now: number): number {
    if (this.#intervalMs === 0) return Number.POSITIVE_INFINITY
    return Math.max(0, Math.floor((this.#earlyMs - Math.max(0, this.#nextAt - now)) / this.#intervalMs + 1))
  }

  started(now: number): void {
    if (this.#intervalMs > 0) this.#nextAt = Math.max(now, this.#nextAt) + this.#intervalMs
  }
}
