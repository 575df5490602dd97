import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import { comparePlaces, justBefore, startOf } from './index-place.ts'

/**
 * What one origin still has in the table, in one of its two ranges.
 *
 * - Dry: every row of the range that the tip has shown is in memory, behind another of its key, or settled.
 * - Behind: the same holds but for rows after `cursor`, and for rows after `again`. A walk of pulls moves the cursor to the end of
 *   the range; then it goes on at `again`, or the range is dry.
 *
 * The cursor never moves back within a walk: a million rows that are no heads would be walked again for each row passed over.
 */
export class OriginRange {
  readonly name: RangeName
  /** null: dry. */
  #cursor: IndexPlace | null = null
  /** Where the next walk begins; null: no other walk is wanted. Before the cursor, unless a pull is out. */
  #again: IndexPlace | null = null
  #isOut = false

  constructor(name: RangeName) {
    this.name = name
  }

  get isBehind(): boolean {
    return this.#cursor !== null
  }

  /** A pull has been sent and not answered. Its snapshot may miss what is passed over now. */
  get isOut(): boolean {
    return this.#isOut
  }

  get cursor(): IndexPlace | null {
    return this.#cursor
  }

  get again(): IndexPlace | null {
    return this.#again
  }

  /** A row that is not taken into memory, or leaves it unsettled: a later pull reads it. */
  passOver(row: Pick<ShownRow, 'dueUs' | 'id'>): void {
    if (this.#cursor === null) this.#cursor = justBefore(row)
    else if (this.#isOut || comparePlaces(row, this.#cursor) <= 0) this.#goAgainAt(row)
  }

  /** What the other has still to read is to be read here as well. */
  startLike({ cursor, again }: OriginRange): void {
    this.#cursor = cursor
    this.#again = again
  }

  /** All of it is to be read: anything may have become a head there. */
  rewind(): void {
    const start = startOf(this.name)
    if (this.#cursor === null) this.#cursor = start
    else if (this.#isOut || comparePlaces(this.#cursor, start) > 0) this.#again = start
  }

  sent(): void {
    this.#isOut = true
  }

  /** The reply will not come: the next pull begins at the same cursor. */
  lost(): void {
    this.#isOut = false
  }

  /**
   * @param reached the last entry that the pull has read, or the end of the span that it looked at.
   * @param isShort the span's end has reached the tip: there is nothing more.
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

  /** Nothing is known of it any more. A pull that is out is not waited for. */
  forget(): void {
    this.#cursor = null
    this.#again = null
    this.#isOut = false
  }

  #goAgainAt(row: Pick<ShownRow, 'dueUs' | 'id'>): void {
    if (this.#again === null || comparePlaces(row, this.#again) <= 0) this.#again = justBefore(row)
  }
}
