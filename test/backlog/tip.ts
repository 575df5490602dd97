import type { IndexPlace, RangeName } from '../../src/model.ts'

import { isAfter, placeOf, type Table, type TableRow } from './table.ts'

/**
 * The reading of new entries of one range, over all origins. It shows each entry above its bound once; entries that are
 * committed below it are the sweep's.
 */
export class Tip {
  readonly range: RangeName
  #bound: IndexPlace
  /** The bound once the next read is over: the overlap has ended there. */
  #nextBound: IndexPlace
  #reached: IndexPlace
  /** Entries that were shown, by the tip or by a sweep. */
  readonly #shown = new Set<string>()

  constructor(range: RangeName) {
    this.range = range
    this.#bound = { dueUs: range === 'fresh' ? null : Number.NEGATIVE_INFINITY, id: '0' }
    this.#nextBound = this.#bound
    this.#reached = this.#bound
  }

  get canMove(): boolean {
    return this.#nextBound !== this.#reached
  }

  move(): void {
    this.#nextBound = this.#reached
  }

  read(table: Table): { readonly rows: readonly TableRow[]; readonly apply: () => void } {
    const rows = table.entries(this.range, this.#bound).filter(row => !this.hasShown(row))
    const names = rows.map(nameOf)
    const last = rows.at(-1)
    const reached = last ? placeOf(last) : this.#reached
    const bound = this.#nextBound
    const apply = () => {
      for (const name of names) this.#shown.add(name)
      // It read above the bound, so what it reached may lie before an entry that was shown earlier.
      if (names.length > 0 && isBefore(this.#reached, reached)) this.#reached = reached
      this.#bound = bound
    }
    return { rows, apply }
  }

  hasShown(row: TableRow): boolean {
    return this.#shown.has(nameOf(row))
  }

  /** Rows that it will never show, as a sweep finds them. */
  missed(rows: readonly TableRow[]): { readonly apply: () => void } {
    const names = rows
      .filter(row => (row.due === null) === (this.range === 'fresh') && !isAfter(row, this.#bound))
      .map(nameOf)
    return {
      apply: () => {
        for (const name of names) this.#shown.add(name)
      },
    }
  }
}

function nameOf(row: TableRow): string {
  const { dueUs, id } = placeOf(row)
  return `${dueUs}/${id}`
}

function isBefore(a: IndexPlace, b: IndexPlace): boolean {
  return a.dueUs !== b.dueUs ? (a.dueUs ?? 0) < (b.dueUs ?? 0) : Number(a.id) < Number(b.id)
}
