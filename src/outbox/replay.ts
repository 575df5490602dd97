import { type ExpressionBuilder, type SqlBool, sql } from 'kysely'
import type { CallbackStatus } from '../model.ts'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

/** Which of the dead. */
export interface DeadFilter {
  /** The beginning of the URL, letter by letter; null: any. */
  readonly url: string | null
  /** Died at or after this moment; null: at any. */
  readonly since: string | null
}

/**
 * The trigger for operators gives each row a fresh budget and wakes the relay. What is not settled is left alone: it goes
 * out anyway.
 *
 * @returns the ids that go out again.
 */
export async function replayIds(db: Database, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .updateTable('callback')
    .set({ status: 'pending' })
    .where('id', '=', sql<string>`any (${ids})`)
    .where('status', 'in', ['dead', 'delivered', 'cancelled'])
    .returning('id')
    .execute()
  return rows.map(row => row.id)
}

/** How these callbacks stand; one that does not exist is not in the answer. */
export async function standingOf(db: Database, ids: readonly string[]): Promise<Map<string, CallbackStatus>> {
  const rows = await db
    .selectFrom('callback')
    .select(['id', 'status'])
    .where('id', '=', sql<string>`any (${ids})`)
    .execute()
  return new Map(rows.map(row => [row.id, row.status]))
}

/** @returns how many go out again; in one statement, so all of them or none. */
export async function replayDead(db: Database, filter: DeadFilter): Promise<bigint> {
  const result = await db.updateTable('callback').set({ status: 'pending' }).where(isDead(filter)).executeTakeFirst()
  return result.numUpdatedRows
}

/** @returns how many `replayDead` would send again. */
export async function countDead(db: Database, filter: DeadFilter): Promise<bigint> {
  const { rows } = await db
    .selectFrom('callback')
    .select(eb => eb.fn.countAll<string>().as('rows'))
    .where(isDead(filter))
    .executeTakeFirstOrThrow()
  return BigInt(rows)
}

/** `dead_at is not null` stands for status dead: it is what the index of the dead says. */
function isDead({ url, since }: DeadFilter) {
  return (eb: ExpressionBuilder<Tables, 'callback'>) =>
    eb.and([
      eb('dead_at', 'is not', null),
      ...(url === null ? [] : [sql<SqlBool>`starts_with(${eb.ref('url')}, ${url})`]),
      ...(since === null ? [] : [eb('dead_at', '>=', new Date(since))]),
    ])
}
