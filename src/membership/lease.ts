/**
 * How long this relay may trust that what it has claimed is its own to send: from the moment a successful renewal was sent, for the lease
 * less a margin, on the monotonic and on the wall clock, whichever ends first (a suspended machine stops the first).
 * Others bury it only after a whole lease without a renewal, so they start when this one has stopped.
 */
export class Lease {
  readonly #trustMs: number
  readonly #clocks: Clocks
  #monotonicEnd = Number.NEGATIVE_INFINITY
  #wallEnd = Number.NEGATIVE_INFINITY

  constructor(options: { readonly leaseMs: number; readonly marginMs: number }, clocks: Clocks) {
    this.#trustMs = options.leaseMs - options.marginMs
    this.#clocks = clocks
  }

  /** Now, for `renewed`. */
  get moment(): Moment {
    return { monotonic: this.#clocks.monotonic(), wall: this.#clocks.wall() }
  }

  /** Call with the clocks as they were before the renewal was sent, once it has succeeded. */
  renewed(sent: Moment): void {
    this.#monotonicEnd = sent.monotonic + this.#trustMs
    this.#wallEnd = sent.wall + this.#trustMs
  }

  lost(): void {
    this.#monotonicEnd = Number.NEGATIVE_INFINITY
  }

  /** True while a new POST may start. */
  get isHeld(): boolean {
    return this.#clocks.monotonic() < this.#monotonicEnd && this.#clocks.wall() < this.#wallEnd
  }

  /** Milliseconds until running POSTs must be aborted; 0 or less: now. Monotonic only: a set clock aborts nothing. */
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
