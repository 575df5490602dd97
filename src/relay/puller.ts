import type { Backlog, Pull } from '../backlog/backlog.ts'
import { idEnd } from '../ids.ts'
import type { IndexPlace, RangeName } from '../model.ts'
import { isRefusal } from '../outbox/database-errors.ts'
import { type PullSpan, pull } from '../outbox/pull.ts'
import type { Session } from '../outbox/session.ts'
import { pullIds, pullingMs, pullMs, pullShare, pullsAtOnce, pullUs } from '../policy/tuning.ts'

export interface PullerParts {
  readonly session: Session
  readonly backlog: Backlog
  readonly epoch: () => string
}

/**
 * Reads rows for which origins have room. Each pull reads a span of its range: a limit would count living rows only,
 * and while a snapshot is held open there may be half a million dead index entries.
 * The span grows while pulls are quick for the server, and shrinks while they are slow; the time on the network does not count.
 */
export class Puller {
  readonly #parts: PullerParts
  readonly #reached: (range: RangeName) => IndexPlace
  #growth = 1
  #nextAt = Number.NEGATIVE_INFINITY

  /** @param reached how far the tip of the range has come. The tip shows the rows after that. */
  constructor(parts: PullerParts, reached: (range: RangeName) => IndexPlace) {
    this.#parts = parts
    this.#reached = reached
  }

  /**
   * When it may pull again. Pulls that find nothing may take a fifth of the time: a million rows may wait behind a hold
   * or a failing head.
   */
  get nextAt(): number {
    return this.#nextAt
  }

  /** Runs one statement; false: there was nothing to pull. */
  async pull(): Promise<boolean> {
    const { session, backlog, epoch } = this.#parts
    const read = backlog.beginRead({ pulls: pullsAtOnce })
    if (read.pulls.length === 0) {
      // Origins with room could not start anything.
      this.#nextAt = performance.now() + pullingMs
      return false
    }
    const spans = read.pulls.map(each => this.#spanOf(each))
    try {
      const { spans: answers, workMs } = await pull(session, epoch(), spans)
      for (const [index, each] of read.pulls.entries()) {
        const [span, answer] = [spans[index], answers[index]]
        if (!span || !answer) throw new Error('a pull has no answer')
        const { rows, reached } = answer
        const isShort = reached === null && span.upTo === null
        backlog.pulled(each, rows, reached ?? span.upTo ?? each.after, isShort, read)
      }
      this.#adapt(workMs)
      if (answers.every(({ rows }) => rows.length === 0))
        this.#nextAt = performance.now() + workMs * (1 / pullShare - 1)
    } catch (error) {
      if (!isRefusal(error) || this.#growth <= 1 / 64) throw error
      // It may have taken too long. A smaller span is tried before the session is given up.
      this.#growth /= 8
    } finally {
      backlog.endRead()
    }
    return true
  }

  #spanOf(pull: Pull): PullSpan {
    const { range, after } = pull
    const tip = this.#reached(range)
    if (range === 'fresh') {
      const end = BigInt(after.id) + BigInt(Math.ceil(pullIds * this.#growth))
      return { ...pull, upTo: end >= BigInt(tip.id) ? null : { dueUs: null, id: String(end) } }
    }
    const endUs = (after.dueUs ?? 0) + pullUs * this.#growth
    const isLast = !Number.isFinite(endUs) || endUs >= (tip.dueUs ?? 0)
    return { ...pull, upTo: isLast ? null : { dueUs: endUs, id: idEnd } }
  }

  /** Not below the first span: a walk in shorter steps might never reach the tip. */
  #adapt(workMs: number): void {
    if (workMs < pullMs.quick) this.#growth = Math.min(2 ** 40, this.#growth * 2)
    else if (workMs > pullMs.slow) this.#growth = Math.max(Math.min(1, this.#growth), this.#growth / 2)
  }
}
