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
 * - Behind: the same, except for rows of two stretches. Pulls walk through the one that they have begun. Then the other is
 *   the next walk, or the range is dry.
 *
 * Within a walk the reads never go back. Otherwise each row passed over could cause another walk over a million rows that
 * are no heads. And the next walk ends at the last place for which it is wanted: what lies between that and the tip may be
 * a million entries that are dead, and that a held snapshot keeps.
 */
export class OriginRange {
  readonly name: RangeName
  /** The rest of the walk of which a pull was sent; null: none. */
  #begun: Stretch | null = null
  /** null: no other walk is wanted. */
  #next: Stretch | null = null
  #isOut = false

  constructor(name: RangeName) {
    this.name = name
  }

  get isBehind(): boolean {
    return this.walk !== null
  }

  /** A pull was sent and not answered. Its snapshot may miss a row that is passed over now. */
  get isOut(): boolean {
    return this.#isOut
  }

  /** What the next pull has to read; null: dry. */
  get walk(): Stretch | null {
    return this.#begun ?? this.#next
  }

  get next(): Stretch | null {
    return this.#next
  }

  /** The row was not admitted, or left memory unsettled. A later pull reads it. */
  passOver({ dueUs, id }: Pick<ShownRow, 'dueUs' | 'id'>): void {
    const place = { dueUs, id }
    if (!this.#isOut && isIn(place, this.#begun)) return
    this.#next = both(this.#next, { after: justBefore(place), upTo: place })
  }

  /** Reads the same rest of the table as the other range. */
  startLike(other: OriginRange): void {
    this.#begun = other.#begun
    this.#next = other.#next
  }

  /**
   * Reads all of the range again: any row of it may have become a head.
   *
   * @param isWanted false: for a sweep that nobody has asked for. During a walk up to the tip it does nothing: the next sweep
   * comes soon after the walk.
   */
  rewind(isWanted = true): void {
    if (!isWanted && this.walk?.upTo === null) return
    const all = { after: startOf(this.name), upTo: null }
    const begun = this.#begun
    if (begun === null || this.#isOut || begun.upTo !== null) this.#next = all
    else if (comparePlaces(begun.after, all.after) > 0)
      // This walk reads all that comes after.
      this.#next = both(this.#next, { after: all.after, upTo: begun.after })
  }

  sent(): void {
    if (this.#begun === null) {
      this.#begun = this.#next
      this.#next = null
    }
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
    if (this.#begun === null) return
    const { after: from, upTo } = this.#begun
    const after = comparePlaces(reached, from) > 0 ? reached : from
    const isOver = isShort || compareEnds(after, upTo) >= 0
    this.#begun = isOver ? null : { after, upTo }
    if (this.#next !== null && this.#begun !== null && isWithin(this.#next, this.#begun)) this.#next = null
  }

  /** Forgets the range. The reply of a pull that is out will be ignored. */
  forget(): void {
    this.#begun = null
    this.#next = null
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
