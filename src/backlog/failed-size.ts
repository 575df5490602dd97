/** How long a size that failed is not tried again, in milliseconds: the first time, and at most. */
const pauseMs = { first: 60_000, most: 30 * 60_000 } as const
/** The share of the failed size that is left. */
const LEFT = 4 / 5
/** After so many deadlines of good answers, a size was not too large: an overload shows itself within one. */
const LASTED = 2

/**
 * The size at which a window last failed. For a minute the window stays below it, so that a slow start does not end
 * where the receiver collapsed. If the size fails again when it is tried after that, the time doubles.
 *
 * A size that has lasted did not fail: something else did, perhaps a restart of the receiver. Without this rule, each
 * outage within the minute would take a fifth of the window, down to one. Half of a size that lasted still counts as
 * such after the failure; so a receiver that takes less from now on is found out at its second failure.
 */
export class FailedSize {
  #most = Number.POSITIVE_INFINITY
  #until = Number.NEGATIVE_INFINITY
  #pauseMs: number = pauseMs.first
  /** The largest size that has lasted. */
  #lasted = 0
  /** The largest size since the last failure, and since when it, or a smaller one, has been in use. */
  #tried = { size: 0, from: Number.POSITIVE_INFINITY }

  /** Most POSTs at once; infinite: no failure is remembered. */
  most(now: number): number {
    return now < this.#until ? this.#most : Number.POSITIVE_INFINITY
  }

  /** A good answer. @param size the present one. @param startedAtMs after the window last shrank. */
  answered(size: number, startedAtMs: number, deadlineMs: number): void {
    if (size > this.#tried.size) this.#tried = { size, from: startedAtMs }
    else if (startedAtMs >= this.#tried.from + LASTED * deadlineMs)
      this.#lasted = Math.max(this.#lasted, this.#tried.size)
  }

  /** @param least the window need not be smaller than this. */
  note(size: number, least: number, now: number): void {
    const hasLasted = size <= this.#lasted
    this.#lasted = Math.min(this.#lasted, size >> 1)
    this.#tried = { size: 0, from: Number.POSITIVE_INFINITY }
    if (hasLasted) return
    if (now >= this.#until + pauseMs.most) this.#pauseMs = pauseMs.first
    else if (size > this.#most) this.#pauseMs = Math.min(2 * this.#pauseMs, pauseMs.most)
    this.#most = Math.max(least, Math.floor(size * LEFT))
    this.#until = now + this.#pauseMs
  }
}
