import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import { longLookBack, longLookPauseMs, mostGaps, pageRows, shortLookBack, sweepShare } from '../policy/tuning.ts'
import { type IdGap, IdSpans } from './id-spans.ts'

/** Where a read had come to. */
interface Mark {
  /** When it was begun. */
  readonly begunAt: number
  readonly reached: IndexPlace
  /** Entries shown until then, since the start. */
  readonly shown: number
}

/** Where a read begins, and how many entries it reads at most; of the fresh range, of each gap. */
export interface TipRead {
  readonly after: IndexPlace
  readonly limit: number
  readonly begunAt: number
  readonly isLong: boolean
  /** Of the fresh range what was not shown after that place: nothing new can be elsewhere. */
  readonly gaps: readonly IdGap[]
}

/** Marks closer together than this, in milliseconds, would tell nothing more. */
const markMs = 20

/**
 * How far the reading of new entries of a range has come. A read begins a little earlier, since rows become visible (COMMIT)
 * later than they got their place (INSERT): at what was reached half a second, now and then ten seconds, before the last
 * read. Each entry is shown once. Entries that become visible later than that are the sweep's.
 */
export class Tip {
  readonly #range: RangeName
  #marks: Mark[] = []
  #reached: IndexPlace
  #shownCount = 0
  /** Entries after the oldest mark that were shown, and when that read was begun. */
  readonly #shown = new Map<string, number>()
  /** The same of the fresh range. */
  #shownIds = new IdSpans()
  #lastBegunAt = Number.NEGATIVE_INFINITY
  #nextLongAt = Number.NEGATIVE_INFINITY

  constructor(range: RangeName) {
    this.#range = range
    this.#reached = { dueUs: range === 'fresh' ? null : Number.NEGATIVE_INFINITY, id: '0' }
  }

  get reached(): IndexPlace {
    return this.#reached
  }

  /** From here on; nothing before is looked at again. */
  restart(at: IndexPlace, now: number): void {
    this.#reached = at
    this.#marks = [{ begunAt: now, reached: at, shown: this.#shownCount }]
    this.#shown.clear()
    this.#shownIds = new IdSpans()
    this.#lastBegunAt = now
  }

  /** The next read, begun now. */
  read(now: number): TipRead {
    const isLong = now >= this.#nextLongAt
    const mark = this.#markBefore(isLong ? longLookBack : shortLookBack)
    const { reached: after, shown } = mark ?? { reached: this.#reached, shown: this.#shownCount }
    const gaps = this.#range === 'fresh' ? this.#shownIds.gaps(after.id, mostGaps) : []
    // Of so many gaps the first may be several, with what was shown between them.
    const again = this.#range === 'due' || gaps.length === mostGaps ? this.#shownCount - shown : 0
    return { after, limit: again + pageRows, begunAt: now, isLong, gaps }
  }

  /** What the read has found, in the order of the index. Returns what is new of it. @param endedAt when it was answered. */
  show(rows: readonly ShownRow[], { begunAt, isLong }: TipRead, endedAt = begunAt): ShownRow[] {
    // Of a flood that nobody takes in the long one finds all again.
    if (isLong) this.#nextLongAt = endedAt + Math.max(longLookPauseMs, (endedAt - begunAt) / sweepShare)
    const fresh = rows.filter(row => !this.#shown.has(this.#nameOf(row)))
    for (const row of fresh) {
      this.#shown.set(this.#nameOf(row), begunAt)
      if (this.#range === 'fresh') this.#shownIds.add(row.id)
    }
    this.#shownCount += fresh.length
    const last = rows.at(-1)
    if (last && this.#isBehind(last)) this.#reached = { dueUs: last.dueUs, id: last.id }
    this.#lastBegunAt = begunAt
    const newest = this.#marks.at(-1)
    if (!newest || begunAt - newest.begunAt >= markMs)
      this.#marks.push({ begunAt, reached: this.#reached, shown: this.#shownCount })
    this.#forget()
    return fresh
  }

  /** The last place that was reached so long ago, or so many rows ago. */
  #markBefore({ ms, rows }: { readonly ms: number; readonly rows: number }): Mark | undefined {
    const [before, most] = [this.#lastBegunAt - ms, this.#shownCount - rows]
    for (let i = this.#marks.length - 1; i >= 0; i -= 1) {
      const mark = this.#marks[i]
      if (mark && (mark.begunAt <= before || (mark.shown <= most && i < this.#marks.length - 1))) return mark
    }
    return this.#marks[0]
  }

  /** What was shown until the oldest mark that counts lies before it. */
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

  #isBehind({ dueUs, id }: IndexPlace): boolean {
    const { dueUs: reachedUs, id: reachedId } = this.#reached
    if (dueUs !== null && reachedUs !== null && dueUs !== reachedUs) return dueUs > reachedUs
    return BigInt(id) > BigInt(reachedId)
  }
}
