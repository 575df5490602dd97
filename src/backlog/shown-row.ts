import type { ShownRow } from '../model.ts'

/**
 * Of two copies of a row, the one with the later due time is newer: every statement that puts a row back moves its due
 * time on.
 */
export function isLater(row: Pick<ShownRow, 'dueUs'>, than: Pick<ShownRow, 'dueUs'>): boolean {
  return (row.dueUs ?? Number.NEGATIVE_INFINITY) > (than.dueUs ?? Number.NEGATIVE_INFINITY)
}
