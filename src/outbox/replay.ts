import { type ExpressionBuilder, type ExpressionWrapper, type SqlBool, sql } from 'kysely'
import type { CallbackStatus } from '../model.ts'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

/** Which callbacks. */
type Condition = (eb: ExpressionBuilder<Tables, 'callback'>) => ExpressionWrapper<Tables, 'callback', SqlBool>

/** Which of the dead. */
export interface DeadFilter {
  /** The beginning of the URL, letter by letter; null: any. */
  readonly url: string | null
  /** Died at or after this moment; null: at any. */
  readonly since: string | null
  /** Died before this moment; left out: at any. */
  readonly until?: string
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
export function countDead(db: Database, filter: DeadFilter): Promise<bigint> {
  return count(db, isDead(filter))
}

/**
 * Ends the wait of these pending callbacks. Their keys' order and their receivers' limits hold as ever.
 *
 * @returns the ids that are due now.
 */
export async function retryIdsNow(db: Database, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .updateTable('callback')
    .set({ due_at: sql<string>`clock_timestamp()` })
    .where('id', '=', sql<string>`any (${ids})`)
    .where('status', '=', 'pending')
    .returning('id')
    .execute()
  return rows.map(row => row.id)
}

/** The same of what failed there and waits to be tried again. What a producer has put off is left for its time. */
export async function retryNow(db: Database, url: string): Promise<bigint> {
  const result = await db
    .updateTable('callback')
    .set({ due_at: sql<string>`clock_timestamp()` })
    .where(isRetry(url))
    .executeTakeFirst()
  return result.numUpdatedRows
}

/** @returns how many `retryNow` would make due. */
export function countRetries(db: Database, url: string): Promise<bigint> {
  return count(db, isRetry(url))
}

async function count(db: Database, condition: Condition): Promise<bigint> {
  const { rows } = await db
    .selectFrom('callback')
    .select(eb => eb.fn.countAll<string>().as('rows'))
    .where(condition)
    .executeTakeFirstOrThrow()
  return BigInt(rows)
}

/** Each key has one at most, so the index by due time ends early. */
function isRetry(url: string): Condition {
  return eb =>
    eb.and([
      eb('status', '=', 'pending'),
      eb('attempts', '>', eb.ref('budget_from')),
      eb('due_at', '>', sql<Date>`now()`),
      sql<SqlBool>`starts_with(${eb.ref('url')}, ${url})`,
    ])
}

/** `dead_at is not null` stands for status dead: it is what the index of the dead says. */
function isDead({ url, since, until }: DeadFilter): Condition {
  return eb =>
    eb.and([
      eb('dead_at', 'is not', null),
      ...(url === null ? [] : [sql<SqlBool>`starts_with(${eb.ref('url')}, ${url})`]),
      ...(since === null ? [] : [eb('dead_at', '>=', new Date(since))]),
      ...(until === undefined ? [] : [eb('dead_at', '<', new Date(until))]),
    ])
}
