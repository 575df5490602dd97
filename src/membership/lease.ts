/**
 * How long this relay may send what it claimed: the lease, less a margin, from the sending of a successful renewal. The
 * first of two clocks to run out ends it, since a suspended machine stops the monotonic one. Others bury this relay
 * only after a whole lease without a renewal.
 */
export class Lease {
  readonly #trustMs: number
  readonly #clocks: Clocks
  #monotonicEnd = Number.NEGATIVE_INFINITY
  #wallEnd = Number.NEGATIVE_INFINITY
  #isLost = false

  constructor(options: { readonly leaseMs: number; readonly marginMs: number }, clocks: Clocks) {
    this.#trustMs = options.leaseMs - options.marginMs
    this.#clocks = clocks
  }

  /** The present time, for `renewed`. */
  get moment(): Moment {
    return { monotonic: this.#clocks.monotonic(), wall: this.#clocks.wall() }
  }

  /** The renewal has succeeded. @param sent the clocks before it was sent. */
  renewed(sent: Moment): void {
    this.#monotonicEnd = sent.monotonic + this.#trustMs
    this.#wallEnd = sent.wall + this.#trustMs
    this.#isLost = false
  }

  /**
   * The registration is gone or void: no POST starts before the next renewal. Running POSTs keep the time that is left:
   * - While the registration stands, as after a restart of the server, nobody judges them before that time is over.
   * - If it is gone, others may send the callbacks again. Aborting would not undo what was sent, and would lose the answer,
   *   which may come before the second copy is sent.
   */
  lost(): void {
    this.#isLost = true
  }

  /** True while a new POST may start. */
  get isHeld(): boolean {
    return !this.#isLost && this.#clocks.monotonic() < this.#monotonicEnd && this.#clocks.wall() < this.#wallEnd
  }

  /**
   * Milliseconds until running POSTs must be aborted; 0 or less: now. By the monotonic clock only: changing the wall
   * clock aborts nothing.
   */
  get remainingMs(): number {
    return this.#monotonicEnd - this.#clocks.monotonic()
  }
}

export interface Clocks {
  /** Milliseconds that only grow. */
  monotonic(): number
  /** Milliseconds since 1970. */
  wall(): number
}

/** What both clocks show at one moment. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

export const systemClocks: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() }
