import type { Pull } from '../../src/backlog/backlog.ts'
import type { Stretch } from '../../src/backlog/origin-range.ts'
import type { IndexPlace, RangeName, Release, ShownRow } from '../../src/model.ts'

/** A row of the table, with what the tests know of it. Times are microseconds, and no two looks at the clock are equal. */
export interface TableRow {
  readonly id: number
  readonly key: string | null
  origin: string
  url: number
  due: number | null
  status: 'pending' | 'claimed' | 'settled'
  /** The epoch that has claimed it. */
  by: number | null
  rev: number
  attempts: number
  /** `writing`: its transaction is open; `gone`: it was rolled back. */
  existence: 'writing' | 'committed' | 'gone'
  /** Somebody idles in a transaction that has locked it. */
  isLocked: boolean
  /** The relay whose statement settled it; null: an operator. */
  settledBy: number | null
  /** It expired, or was recovered for the last time. A statement that began before may still name it as the next of its key. */
  isUnclaimed: boolean
  /** Rows of its key that had committed before it was inserted. */
  readonly before: readonly TableRow[]
}

/** Index entries that a pull reads at most: few, so that it has to go on. */
const entriesPerPull = 3

/** A tick of the clock, in microseconds: a short retry. */
export const tickUs = 1_000

/** The table as the statements of the relay see it. */
export class Table {
  readonly rows: TableRow[] = []
  readonly holds = new Set<string>()
  #clock = 10 * tickUs

  get now(): number {
    return this.#clock
  }

  tick(): void {
    this.#clock = (Math.floor(this.#clock / tickUs) + 1) * tickUs
  }

  clockTimestamp(): number {
    this.#clock += 1
    return this.#clock
  }

  insert(key: string | null, origin: string, url: number, isDelayed: boolean): void {
    const id = this.rows.length + 1
    const before = this.rows.filter(row => key !== null && row.key === key && row.existence === 'committed')
    const due = isDelayed ? this.now + tickUs : null
    const start = { status: 'pending', by: null, rev: 0, attempts: 0, existence: 'writing', isLocked: false } as const
    this.rows.push({ id, key, origin, url, due, before, settledBy: null, isUnclaimed: false, ...start })
  }

  row(id: number | string): TableRow {
    const row = this.rows[Number(id) - 1]
    if (!row) throw new Error(`There is no row ${id}`)
    return row
  }

  isHeld(row: TableRow): boolean {
    return this.holds.has(row.origin)
  }

  isDue({ due }: TableRow): boolean {
    return due === null || due <= this.now
  }

  /** Unsettled rows of a key, by id. */
  ofKey(key: string | null): TableRow[] {
    return key === null ? [] : this.rows.filter(row => row.key === key && isUnsettled(row))
  }

  earlier(row: TableRow): TableRow[] {
    return this.ofKey(row.key).filter(({ id }) => id < row.id)
  }

  /** How a read of this epoch shows the row. */
  shown(row: TableRow, epoch: number): ShownRow {
    const { id, key, origin, url, due, rev, status, by } = row
    const standing =
      status === 'claimed' ? (by === epoch ? 'claimed here' : 'claimed elsewhere') : this.isDue(row) ? 'due' : 'later'
    return {
      id: String(id),
      orderingKey: key,
      origin,
      urlHash: url,
      dueUs: due,
      standing,
      rev,
      tried: row.attempts,
      maxAttempts: null,
    }
  }

  /** Entries of a range after a place, in its order, as far as they are due. */
  entries(range: RangeName, after: IndexPlace): TableRow[] {
    return this.rows
      .filter(row => isUnsettled(row) && rangeNameOf(row) === range && this.isDue(row) && isAfter(row, after))
      .sort((a, b) => (a.due ?? 0) - (b.due ?? 0) || a.id - b.id)
  }

  pull({ origin, urlHash, otherUrls, range, after, upTo, room }: Pull, epoch: number) {
    const isOfUrl = ({ url }: TableRow) => (urlHash === null || url === urlHash) && !otherUrls.includes(url)
    const entries = this.entries(range, after).filter(row => row.origin === origin && isWithin(row, { after, upTo }))
    const heads: TableRow[] = []
    let read = 0
    for (const row of entries) {
      if (read === entriesPerPull || heads.length === room) break
      read += 1
      const isMine = row.status === 'claimed' && row.by === epoch
      const isFree = row.status === 'pending' && !this.isHeld(row)
      if (isOfUrl(row) && (isMine || (isFree && this.earlier(row).length === 0))) heads.push(row)
    }
    const last = entries[read - 1]
    const areAllRead = read === entries.length && read < entriesPerPull && heads.length < room
    return {
      rows: heads.map(row => this.shown(row, epoch)),
      reached: (areAllRead ? upTo : null) ?? (last ? placeOf(last) : after),
      isShort: areAllRead && upTo === null,
    }
  }

  /** Returns the rows that it got. */
  claim(ids: readonly string[], epoch: number): TableRow[] {
    const got = ids
      .map(id => this.row(id))
      .filter(row => row.status === 'pending' && row.existence === 'committed' && !row.isLocked && this.isDue(row))
      .filter(row => !this.isHeld(row) && this.earlier(row).length === 0)
    for (const row of got)
      Object.assign(row, { status: 'claimed', by: epoch, rev: row.rev + 1, attempts: row.attempts + 1 })
    return got
  }

  isClaimed(row: TableRow, epoch: number, rev: number): boolean {
    return row.status === 'claimed' && row.by === epoch && row.rev === rev
  }

  /** Puts a claimed row back, due after so long. */
  putBack(row: TableRow, afterUs: number): void {
    const due = afterUs === 0 ? this.clockTimestamp() : this.now + afterUs
    Object.assign(row, { status: 'pending', by: null, rev: row.rev + 1, due })
  }

  /** Returns those that it released. */
  release(releases: readonly Release[], epoch: number): TableRow[] {
    const released = releases
      .filter(({ id, rev }) => this.isClaimed(this.row(id), epoch, rev))
      .map(({ id }) => this.row(id))
    for (const row of released) this.putBack(row, 0)
    return released
  }

  settle(row: TableRow, settledBy: number | null, isUnclaimed = false): void {
    Object.assign(row, { status: 'settled', due: null, settledBy, isUnclaimed, rev: row.rev + 1 })
  }
}

export function isUnsettled({ existence, status }: TableRow): boolean {
  return existence === 'committed' && status !== 'settled'
}

export function rangeNameOf({ due }: TableRow): RangeName {
  return due === null ? 'fresh' : 'due'
}

export function placeOf({ id, due }: TableRow): IndexPlace {
  return { dueUs: due, id: String(id) }
}

export function isWithin(row: TableRow, stretch: Stretch | null): boolean {
  return stretch !== null && isAfter(row, stretch.after) && (stretch.upTo === null || !isAfter(row, stretch.upTo))
}

export function isAfter(row: TableRow, { dueUs, id }: IndexPlace): boolean {
  return dueUs !== null && row.due !== dueUs ? (row.due ?? 0) > dueUs : row.id > Number(id)
}
