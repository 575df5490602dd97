import type { Row } from './database.ts'

/**
 * What an operator's UPDATE of a row that is not claimed becomes by the trigger `operator_change` (schema.sql).
 */

/** `set status = 'cancelled'`, of a pending row. */
export function cancelled(now: number): Partial<Row> {
  return { status: 'cancelled', dueAt: null, settledAt: now }
}

/** `set status = 'pending'`, of a settled row. */
export function replayed({ attempts, expiresAt }: Row, now: number): Partial<Row> {
  const isExpired = expiresAt !== null && expiresAt <= now
  return {
    status: 'pending',
    dueAt: now,
    settledAt: null,
    budgetFrom: attempts,
    claimedEpoch: null,
    last: null,
    ...(isExpired ? { expiresAt: null } : {}),
  }
}

/** `set url = ...`, `set form = ...` or `set due_at = ...`, of a pending row. */
export function amended(
  row: Row,
  values: Partial<Pick<Row, 'url' | 'origin' | 'form' | 'dueAt'>>,
  now: number,
): Partial<Row> {
  const isMoved = values.url !== undefined && values.url !== row.url
  const isRewritten = values.form !== undefined && values.form !== row.form
  const isRetimed = values.dueAt !== undefined && values.dueAt !== row.dueAt
  const isPostponed = isRetimed && (values.dueAt ?? now) > now
  const isTimely = row.attempts > row.budgetFrom || (row.dueAt ?? -Infinity) <= now
  const newPlace = isTimely ? now : (row.dueAt ?? now) + 0.001
  return {
    ...values,
    ...(isMoved || isRewritten || isPostponed ? { claimedEpoch: null } : {}),
    ...(isRetimed ? { dueAt: Math.max(values.dueAt ?? now, now) } : isMoved ? { dueAt: newPlace } : {}),
  }
}
