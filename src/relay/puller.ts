import type { Backlog, Pull } from '../backlog/backlog.ts'
import { compareEnds } from '../backlog/index-place.ts'
import type { IndexPlace, RangeName } from '../model.ts'
import { isCancelled } from '../outbox/database-errors.ts'
import { type PullSpan, pull } from '../outbox/pull.ts'
import type { Session } from '../outbox/session.ts'
import { pullEntries, pullingMs, pullShare, pullsAtOnce } from '../policy/tuning.ts'
import { IndexSpan } from './index-span.ts'

export interface PullerParts {
  readonly session: Session
  readonly backlog: Backlog
  readonly epoch: () => string
  /** Called when a pull has found nothing, with what the server has worked for it, in milliseconds. */
  readonly foundNothing: (workMs: number) => void
}

/**
 * Reads rows for which origins have room. Each pull reads a span of its range.
 */
export class Puller {
  readonly #parts: PullerParts
  readonly #reached: (range: RangeName) => IndexPlace
  readonly #span = new IndexSpan()
  /** Most index entries that the next statement reads of each span. */
  #entries: number = pullEntries.most
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
      const { spans: answers, workMs } = await pull(session, epoch(), spans, this.#entries)
      for (const [index, each] of read.pulls.entries()) {
        const [span, answer] = [spans[index], answers[index]]
        if (!span || !answer) throw new Error('a pull has no answer')
        const { rows, reached } = answer
        const isShort = reached === null && span.upTo === null
        backlog.pulled(each, rows, reached ?? span.upTo ?? each.after, isShort, read)
      }
      this.#span.adapt(workMs)
      this.#adapt(workMs)
      if (answers.every(({ rows }) => rows.length === 0)) {
        this.#nextAt = performance.now() + workMs * (1 / pullShare - 1)
        this.#parts.foundNothing(workMs)
      }
    } catch (error) {
      if (isCancelled(error)) {
        this.#span.cancelled()
        this.#entries = pullEntries.least
      }
      throw error
    } finally {
      backlog.endRead()
    }
    return true
  }

  #adapt(workMs: number): void {
    const { least, most, quickMs, slowMs } = pullEntries
    if (workMs < quickMs) this.#entries = Math.min(most, this.#entries * 2)
    else if (workMs > slowMs) this.#entries = Math.max(least, this.#entries / 2)
  }

  #spanOf(pull: Pull): PullSpan {
    const { range, after, upTo } = pull
    const end = this.#span.after(after, range, this.#reached(range))
    return { ...pull, upTo: compareEnds(upTo, end) <= 0 ? upTo : end }
  }
}
