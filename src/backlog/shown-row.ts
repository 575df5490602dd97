import type { ShownRow } from '../model.ts'

/** Between two copies of one row the later due time is the newer: whatever puts a row back moves it on. */
export function isLater(row: Pick<ShownRow, 'dueUs'>, than: Pick<ShownRow, 'dueUs'>): boolean {
  return (row.dueUs ?? Number.NEGATIVE_INFINITY) > (than.dueUs ?? Number.NEGATIVE_INFINITY)
}
