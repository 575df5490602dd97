import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import { comparePlaces, justBefore, startOf } from './index-place.ts'

/**
 * What one origin still has in the table, in one of its two ranges.
 *
 * - Dry: every row of the range that the tip has shown is in memory, behind another of its key, or settled.
 * - Behind: the same, except for rows after `cursor` and rows after `again`. A walk of pulls moves the cursor to the
 *   end of the range. Then the next walk begins at `again`, or the range is dry.
 *
 * Within a walk the cursor never moves back. Otherwise each row passed over could cause another walk over a million
 * rows that are no heads.
 */
export class OriginRange {
  readonly name: RangeName
  /** null: dry. */
  #cursor: IndexPlace | null = null
  /** Where the next walk begins; null: none is wanted. It lies before the cursor, except while a pull is out. */
  #again: IndexPlace | null = null
  #isOut = false

  constructor(name: RangeName) {
    this.name = name
  }

  get isBehind(): boolean {
    return this.#cursor !== null
  }

  /** A pull was sent and not answered. Its snapshot may miss a row that is passed over now. */
  get isOut(): boolean {
    return this.#isOut
  }

  get cursor(): IndexPlace | null {
    return this.#cursor
  }

  get again(): IndexPlace | null {
    return this.#again
  }

  /** The row was not admitted, or left memory unsettled. A later pull reads it. */
  passOver(row: Pick<ShownRow, 'dueUs' | 'id'>): void {
    if (this.#cursor === null) this.#cursor = justBefore(row)
    else if (this.#isOut || comparePlaces(row, this.#cursor) <= 0) this.#goAgainAt(row)
  }

  /** Reads the same rest of the table as the other range. */
  startLike({ cursor, again }: OriginRange): void {
    this.#cursor = cursor
    this.#again = again
  }

  /** Reads all of the range again: any row of it may have become a head. */
  rewind(): void {
    const start = startOf(this.name)
    if (this.#cursor === null) this.#cursor = start
    else if (this.#isOut || comparePlaces(this.#cursor, start) > 0) this.#again = start
  }

  sent(): void {
    this.#isOut = true
  }

  /** The reply was lost. The next pull begins at the same cursor. */
  lost(): void {
    this.#isOut = false
  }

  /**
   * @param reached the last entry that the pull has read, or the end of the span that it searched.
   * @param isShort the span ended at the tip: there are no more rows.
   */
  pulled(reached: IndexPlace, isShort: boolean): void {
    this.#isOut = false
    const again = this.#again
    if (isShort) {
      this.#cursor = again
      this.#again = null
      return
    }
    if (this.#cursor === null || comparePlaces(reached, this.#cursor) > 0) this.#cursor = reached
    if (again !== null && comparePlaces(again, this.#cursor) >= 0) this.#again = null
  }

  /** Forgets the range. The reply of a pull that is out will be ignored. */
  forget(): void {
    this.#cursor = null
    this.#again = null
    this.#isOut = false
  }

  #goAgainAt(row: Pick<ShownRow, 'dueUs' | 'id'>): void {
    if (this.#again === null || comparePlaces(row, this.#again) <= 0) this.#again = justBefore(row)
  }
}
