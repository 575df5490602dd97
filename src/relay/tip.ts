import { comparePlaces, startOf } from '../backlog/index-place.ts'
import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import {
  longLookBack,
  longLookPauseMs,
  lookShare,
  mostGaps,
  pageRows,
  shortLookBack,
  sweepPauseMs,
} from '../policy/tuning.ts'
import { type IdGap, IdSpans } from './id-spans.ts'

/** How far a read had come. */
interface Mark {
  /** When the read began. */
  readonly begunAt: number
  readonly reached: IndexPlace
  /** How many entries had been shown until then. */
  readonly shown: number
}

/** Where a read begins, and how many entries it reads at most: in all, or for the fresh range in each gap. */
export interface TipRead {
  readonly after: IndexPlace
  readonly limit: number
  readonly begunAt: number
  readonly isLong: boolean
  /** Only for the fresh range: the ids after that place that were not shown. New rows can only be there. */
  readonly gaps: readonly IdGap[]
}

/** The least time between two marks, in milliseconds. */
const markMs = 20

/**
 * A read cursor with look-back: rows get their place at INSERT and become visible later, at COMMIT. A read begins at
 * the place that was reached half a second before or 2,000 rows back, whichever is nearer (`shortLookBack`); now and
 * then ten seconds or 10,000 rows (`longLookBack`). Each entry is shown once. The sweep finds later ones.
 */
export class Tip {
  readonly #range: RangeName
  #marks: Mark[] = []
  #reached: IndexPlace
  #shownCount = 0
  /** Shown entries after the oldest mark, each with the time when its read began. */
  readonly #shown = new Map<string, number>()
  /** The ids of these entries, for the fresh range. */
  #shownIds = new IdSpans()
  #lastBegunAt = Number.NEGATIVE_INFINITY
  #nextLongAt = Number.NEGATIVE_INFINITY

  constructor(range: RangeName) {
    this.#range = range
    this.#reached = startOf(range)
  }

  get reached(): IndexPlace {
    return this.#reached
  }

  /** Reads from this place on, and nothing before it. */
  restart(at: IndexPlace, now: number): void {
    this.#reached = at
    this.#marks = [{ begunAt: now, reached: at, shown: this.#shownCount }]
    this.#shown.clear()
    this.#shownIds = new IdSpans()
    this.#lastBegunAt = now
  }

  /** The next read, which begins now. */
  read(now: number): TipRead {
    const isLong = now >= this.#nextLongAt
    const mark = this.#markBefore(isLong ? longLookBack : shortLookBack)
    const { reached: after, shown } = mark ?? { reached: this.#reached, shown: this.#shownCount }
    const gaps = this.#range === 'fresh' ? this.#shownIds.gaps(after.id, mostGaps) : []
    // At the most gaps, the first may be several joined ones, with shown entries between them.
    const again = this.#range === 'due' || gaps.length === mostGaps ? this.#shownCount - shown : 0
    return { after, limit: again + pageRows, begunAt: now, isLong, gaps }
  }

  /**
   * Takes the rows of a read, in the order of the index. Returns those not shown before.
   *
   * @param endedAt when the answer came.
   */
  show(rows: readonly ShownRow[], { begunAt, isLong }: TipRead, endedAt = begunAt): ShownRow[] {
    // The long look-back may read many rows again, so it pauses in proportion to its duration. That counts the network
    // as well. With a longer pause than a sweep's, it would find nothing that a sweep does not.
    const pauseMs = Math.min(sweepPauseMs, (endedAt - begunAt) / lookShare)
    if (isLong) this.#nextLongAt = endedAt + Math.max(longLookPauseMs, pauseMs)
    const fresh = rows.filter(row => !this.#shown.has(this.#nameOf(row)))
    for (const row of fresh) {
      this.#shown.set(this.#nameOf(row), begunAt)
      if (this.#range === 'fresh') this.#shownIds.add(row.id)
    }
    this.#shownCount += fresh.length
    const last = rows.at(-1)
    if (last && comparePlaces(last, this.#reached) > 0) this.#reached = { dueUs: last.dueUs, id: last.id }
    this.#lastBegunAt = begunAt
    const newest = this.#marks.at(-1)
    if (!newest || begunAt - newest.begunAt >= markMs)
      this.#marks.push({ begunAt, reached: this.#reached, shown: this.#shownCount })
    this.#forget()
    return fresh
  }

  /** The newest mark that is so old, or so many rows back. */
  #markBefore({ ms, rows }: { readonly ms: number; readonly rows: number }): Mark | undefined {
    const [before, most] = [this.#lastBegunAt - ms, this.#shownCount - rows]
    for (let i = this.#marks.length - 1; i >= 0; i -= 1) {
      const mark = this.#marks[i]
      if (mark && (mark.begunAt <= before || (mark.shown <= most && i < this.#marks.length - 1))) return mark
    }
    return this.#marks[0]
  }

  /** Forgets marks, and shown entries, from before the longest look-back. */
  #forget(): void {
    const oldest = this.#markBefore(longLookBack)
    if (!oldest || oldest === this.#marks[0]) return
    this.#marks = this.#marks.slice(this.#marks.indexOf(oldest))
    this.#shownIds.forget(oldest.reached.id)
    for (const [name, at] of this.#shown) {
      if (at > oldest.begunAt) return
      this.#shown.delete(name)
    }
  }

  #nameOf({ dueUs, id }: ShownRow): string {
    return this.#range === 'fresh' ? id : `${dueUs} ${id}`
  }
}
