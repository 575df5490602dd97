/** How much sooner than its turn a start may be, in milliseconds: POSTs go in small groups then, not one a timer. */
const toleranceMs = 50

/**
 * At most so many starts a second: each moves the time of the next one on (the generic cell rate algorithm, with a tolerance of
 * 50 ms). What was not used is not saved up.
 */
export class RateLimit {
  readonly #intervalMs: number
  #nextAt = Number.NEGATIVE_INFINITY

  /** @param ratePerSecond null: as many as there are. */
  constructor(ratePerSecond: number | null) {
    this.#intervalMs = ratePerSecond === null ? 0 : 1_000 / ratePerSecond
  }

  /** When the next may start; in the past when it may at once. */
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
