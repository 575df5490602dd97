import type { RowStanding, ShownRow } from '../../../src/model.ts'
import { hashtext } from '../../fixtures/hashtext.ts'
import { type Database, dueTimeOf, type Row } from '../database.ts'

/** Unix time in microseconds. */
export function microseconds(at: number): number {
  return Math.round(at * 1_000)
}

/** The value of the column that tells the URLs of an origin apart. */
export function urlHashOf({ url }: Pick<Row, 'url'>): number {
  return hashtext(url.split('?', 1)[0] ?? '')
}

/** The columns of a `ShownRow`. @param epoch the relay's own registration. */
export function shown(db: Database, row: Row, epoch: string): ShownRow {
  const dueTime = dueTimeOf(row)
  return {
    id: String(row.id),
    orderingKey: row.key,
    origin: row.origin,
    urlHash: urlHashOf(row),
    dueUs: dueTime === null ? null : microseconds(dueTime),
    standing: standingOf(db, row, epoch),
    rev: row.rev,
    tried: row.attempts - row.budgetFrom,
    maxAttempts: row.maxAttempts,
  }
}

/** A superseded row is due at once, so that it gets cancelled. */
function standingOf(db: Database, row: Row, epoch: string): RowStanding {
  const { status, claimedEpoch, dueAt } = row
  if (status === 'claimed') return claimedEpoch === epoch ? 'claimed here' : 'claimed elsewhere'
  return dueAt !== null && dueAt > db.now && !db.supersederOf(row) ? 'later' : 'due'
}

type Nothing = { readonly [Name in keyof ShownRow]: null }

/** The columns of an outer join without a row. */
export const nothing: Nothing = {
  id: null,
  orderingKey: null,
  origin: null,
  urlHash: null,
  dueUs: null,
  standing: null,
  rev: null,
  tried: null,
  maxAttempts: null,
}

/** The first unsettled row of a key, other than the row `id`. */
export function firstOfKey(
  db: Database,
  key: string | null,
  { epoch, other = null }: { readonly epoch: string; readonly other?: number | null },
): ShownRow | Nothing {
  const row = db.firstOf(key, other)
  return row ? shown(db, row, epoch) : nothing
}

/** All unsettled rows of a key. */
export function shownOfKey(db: Database, key: string | null, epoch: string): ShownRow[] {
  return db.unsettled.filter(row => row.key === key).map(row => shown(db, row, epoch))
}

export function rowsOf(db: Database, ids: readonly string[]): Row[] {
  return ids.flatMap(id => db.rows.get(Number(id)) ?? [])
}

/**
 * FOR NO KEY UPDATE SKIP LOCKED on rows of the snapshot. A row that has changed since is checked again.
 *
 * @param holder is passed to `unlock`.
 * @param limit how many rows it locks at most.
 */
export function lock(
  rows: readonly Row[],
  holder: object,
  isWanted: (row: Row) => boolean,
  limit = Number.POSITIVE_INFINITY,
): Row[] {
  const free = rows.filter(row => row.lockedBy === null && isWanted(row)).slice(0, limit)
  for (const row of free) row.lockedBy = holder
  return free
}

/** Called at the end of the statement. */
export function unlock(db: Database, holder: object): void {
  for (const row of db.rows.values()) if (row.lockedBy === holder) row.lockedBy = null
}
