/** A start may be this much early, in milliseconds: POSTs then start in small groups instead of one per timer. */
const toleranceMs = 50

/**
 * A rate limit by the generic cell rate algorithm (GCRA), with a tolerance of 50 ms. Unused starts are not saved up.
 */
export class RateLimit {
  readonly #intervalMs: number
  #nextAt = Number.NEGATIVE_INFINITY

  /** @param ratePerSecond null: no limit. */
  constructor(ratePerSecond: number | null) {
    this.#intervalMs = ratePerSecond === null ? 0 : 1_000 / ratePerSecond
  }

  /** When the next start may be; in the past: at once. */
  get opensAt(): number {
    return this.#nextAt - Math.max(0, toleranceMs - this.#intervalMs)
  }

  /** How many may start now. */
  startable(now: number): number {
    if (this.#intervalMs === 0) return Number.POSITIVE_INFINITY
    const toleratedMs = Math.max(0, toleranceMs - this.#intervalMs)
    return Math.max(0, Math.floor((toleratedMs - Math.max(0, this.#nextAt - now)) / this.#intervalMs + 1))
  }

  started(now: number): void {
    if (this.#intervalMs > 0) this.#nextAt = Math.max(now, this.#nextAt) + this.#intervalMs
  }
}
