import type { Session } from '../../outbox/session.ts'
import { rowOf } from './check.ts'

/**
 * For how long the first due callback has been due; its key, its receiver or a hold may keep it back. null: none is
 * due. Reads the first entry of each index of unsettled rows.
 */
export async function readOverdueSeconds(session: Session): Promise<number | null> {
  const { overdue } = await rowOf<{ overdue: number | null }>(
    session,
    'ringback_overdue',
    schema => `select extract(epoch from now() - least(
              (select created_at from ${schema}.callback
                where settled_at is null and due_at is null and status = 'pending' order by id limit 1),
              (select greatest(due_at, created_at) from ${schema}.callback
                where due_at is not null and greatest(due_at, created_at) <= now() and status = 'pending'
                order by greatest(due_at, created_at), id limit 1)))::float8 as overdue`,
  )
  return overdue
}
