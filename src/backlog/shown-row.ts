/**
 * How a row stands in the snapshot of a read:
 * - `due`: pending, and may start as far as its due time goes
 * - `later`: pending, and not due yet
 * - `claimed here`: claimed under this relay's own registration
 * - `claimed elsewhere`: claimed by another relay, living or dead
 */
export type RowStanding = 'due' | 'later' | 'claimed here' | 'claimed elsewhere'

/**
 * A row that a read shows: not settled in the snapshot of that read. Tips and pulls show `due` rows and those `claimed here`;
 * answers to a key question, looks and records name the first row of a key however it stands.
 */
export interface ShownRow {
  /** Decimal text of a bigint above 0. */
  readonly id: string
  /** null: it has no order. */
  readonly orderingKey: string | null
  /** The column `origin`. */
  readonly origin: string
  /**
   * Due time (never before `created_at`) in microseconds of Unix time, exact until the year 2255. null: never tried and due
   * at once; such a row stands in the fresh range, all others in the due range.
   */
  readonly dueUs: number | null
  readonly standing: RowStanding
  /** The column `rev`, by which a release is fenced. */
  readonly rev: number
}

/** Between two copies of one row the later due time is the newer: whatever puts a row back moves it on. */
export function isLater(row: Pick<ShownRow, 'dueUs'>, than: Pick<ShownRow, 'dueUs'>): boolean {
  return (row.dueUs ?? Number.NEGATIVE_INFINITY) > (than.dueUs ?? Number.NEGATIVE_INFINITY)
}
