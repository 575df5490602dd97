import { idEnd } from '../ids.ts'
import type { IndexPlace, RangeName } from '../model.ts'
import { pullIds, pullMs, pullUs } from '../policy/tuning.ts'

/** Longer than any range. */
const unbounded = 2 ** 50
/** Rarely has a snapshot been held open for longer, in microseconds: few dead entries are older. */
const dayUs = 86_400_000_000

/**
 * How much of an index one statement reads. A limit would count living rows only, and while a snapshot is held open
 * there may be half a million dead index entries. The span grows while statements are quick for the server, and shrinks
 * while they are slow; the time on the network does not count.
 */
export class IndexSpan {
  #growth: number
  #wasCancelled = false

  /** @param isBounded false: unbounded until PostgreSQL cancels a statement, or some are slow. */
  constructor(isBounded = true) {
    this.#growth = isBounded ? 1 : unbounded
  }

  /**
   * The end of the span after this place; null: none. A span of due times from the beginning has no end, unless
   * PostgreSQL has cancelled one.
   *
   * @param tip how far the reading of new rows has come. A span that reaches it has no end.
   */
  after({ dueUs, id }: IndexPlace, range: RangeName, tip: IndexPlace): IndexPlace | null {
    if (range === 'fresh') {
      const end = BigInt(id) + BigInt(Math.ceil(pullIds * this.#growth))
      return end >= BigInt(tip.id) ? null : { dueUs: null, id: String(end) }
    }
    const tipUs = tip.dueUs ?? 0
    const isStart = dueUs === null || !Number.isFinite(dueUs)
    const startUs = this.#wasCancelled ? tipUs - dayUs : Number.NEGATIVE_INFINITY
    const endUs = isStart ? startUs : dueUs + pullUs * this.#growth
    return Number.isFinite(endUs) && endUs < tipUs ? { dueUs: endUs, id: idEnd } : null
  }

  /** Not below the first span: a walk in shorter steps might never reach the tip. */
  adapt(workMs: number): void {
    if (workMs < pullMs.quick) this.#growth = Math.min(unbounded, this.#growth * 2)
    else if (workMs > pullMs.slow) this.#growth = Math.max(Math.min(1, this.#growth), this.#growth / 2)
  }

  /** PostgreSQL has cancelled the statement, perhaps since it took too long. */
  cancelled(): void {
    this.#growth = Math.max(1 / 64, Math.min(1, this.#growth / 8))
    this.#wasCancelled = true
  }
}
