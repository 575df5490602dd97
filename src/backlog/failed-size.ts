/** How long a size that failed is not tried again, in milliseconds: the first time, and at most. */
const pauseMs = { first: 60_000, most: 30 * 60_000 } as const
/** The share of the failed size that is left. */
const LEFT = 4 / 5

/**
 * The size at which a window last failed. For a minute the window stays below it, so that a slow start does not end
 * where the receiver collapsed. If the size fails again when it is tried after that, the time doubles.
 */
export class FailedSize {
  #most = Number.POSITIVE_INFINITY
  #until = Number.NEGATIVE_INFINITY
  #pauseMs: number = pauseMs.first

  /** Most POSTs at once; infinite: no failure is remembered. */
  most(now: number): number {
    return now < this.#until ? this.#most : Number.POSITIVE_INFINITY
  }

  /** @param least the window need not be smaller than this. */
  note(size: number, least: number, now: number): void {
    if (now >= this.#until + pauseMs.most) this.#pauseMs = pauseMs.first
    else if (size > this.#most) this.#pauseMs = Math.min(2 * this.#pauseMs, pauseMs.most)
    this.#most = Math.max(least, Math.floor(size * LEFT))
    this.#until = now + this.#pauseMs
  }
}
