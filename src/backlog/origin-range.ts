import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import { compareEnds, comparePlaces, justBefore, startOf } from './index-place.ts'

/** Entries after one place, up to and including another. */
export interface Stretch {
  readonly after: IndexPlace
  /** null: up to the tip. */
  readonly upTo: IndexPlace | null
}

/**
 * What one origin still has in the table, in one of its two ranges.
 *
 * - Dry: every row of the range that the tip has shown is in memory, behind another of its key, or settled.
 * - Behind: the same, except for rows of the stretches `walk` and `again`. Pulls walk through the first. Then the second is
 *   the next walk, or the range is dry.
 *
 * Within a walk the reads never go back. Otherwise each row passed over could cause another walk over a million rows that
 * are no heads. And the next walk ends at the last place for which it is wanted: what lies between that and the tip may be
 * a million entries that are dead, and that a held snapshot keeps.
 */
export class OriginRange {
  readonly name: RangeName
  /** null: dry. */
  #walk: Stretch | null = null
  /** null: no other walk is wanted. */
  #again: Stretch | null = null
  /** A pull of this walk was sent. */
  #hasBegun = false
  #isOut = false

  constructor(name: RangeName) {
    this.name = name
  }

  get isBehind(): boolean {
    return this.#walk !== null
  }

  /** A pull was sent and not answered. Its snapshot may miss a row that is passed over now. */
  get isOut(): boolean {
    return this.#isOut
  }

  /** What the pulls still have to read. */
  get walk(): Stretch | null {
    return this.#walk
  }

  get again(): Stretch | null {
    return this.#again
  }

  /** The row was not admitted, or left memory unsettled. A later pull reads it. */
  passOver({ dueUs, id }: Pick<ShownRow, 'dueUs' | 'id'>): void {
    const place = { dueUs, id }
    if (!this.#isOut && isIn(place, this.#walk)) return
    const stretch = { after: justBefore(place), upTo: place }
    if (!this.#hasBegun) this.#walk = both(this.#walk, stretch)
    else this.#again = both(this.#again, stretch)
  }

  /** Reads the same rest of the table as the other range. */
  startLike({ walk, again }: OriginRange): void {
    this.#walk = walk
    this.#again = again
  }

  /**
   * Reads all of the range again: any row of it may have become a head.
   *
   * @param isWanted false: for a sweep that nobody has asked for. During a walk up to the tip it does nothing: the next sweep
   * comes soon after the walk.
   */
  rewind(isWanted = true): void {
    const all = { after: startOf(this.name), upTo: null }
    const walk = this.#walk
    if (!isWanted && walk?.upTo === null) return
    if (!this.#hasBegun) this.#walk = all
    else if (walk === null || this.#isOut || walk.upTo !== null) this.#again = all
    else if (comparePlaces(walk.after, all.after) > 0)
      // This walk reads all that comes after.
      this.#again = both(this.#again, { after: all.after, upTo: walk.after })
  }

  sent(): void {
    this.#hasBegun = true
    this.#isOut = true
  }

  /** The reply was lost. The next pull begins at the same place. */
  lost(): void {
    this.#isOut = false
  }

  /**
   * @param reached the last entry that the pull has read, or the end of the span that it searched.
   * @param isShort the span ended at the tip: there are no more rows.
   */
  pulled(reached: IndexPlace, isShort: boolean): void {
    this.#isOut = false
    const walk = this.#walk
    if (walk === null) return
    const after = comparePlaces(reached, walk.after) > 0 ? reached : walk.after
    const isOver = isShort || compareEnds(after, walk.upTo) >= 0
    if (isOver) {
      this.#walk = this.#again
      this.#again = null
      this.#hasBegun = false
    } else {
      this.#walk = { after, upTo: walk.upTo }
      if (this.#again !== null && isWithin(this.#again, this.#walk)) this.#again = null
    }
  }

  /** Forgets the range. The reply of a pull that is out will be ignored. */
  forget(): void {
    this.#walk = null
    this.#again = null
    this.#hasBegun = false
    this.#isOut = false
  }
}

/** The least stretch with both in it. */
function both(one: Stretch | null, other: Stretch): Stretch {
  if (one === null) return other
  return {
    after: comparePlaces(one.after, other.after) <= 0 ? one.after : other.after,
    upTo: compareEnds(one.upTo, other.upTo) >= 0 ? one.upTo : other.upTo,
  }
}

function isIn(place: IndexPlace, stretch: Stretch | null): boolean {
  return stretch !== null && comparePlaces(place, stretch.after) > 0 && compareEnds(place, stretch.upTo) <= 0
}

function isWithin(inner: Stretch, outer: Stretch): boolean {
  return comparePlaces(inner.after, outer.after) >= 0 && compareEnds(inner.upTo, outer.upTo) <= 0
}
