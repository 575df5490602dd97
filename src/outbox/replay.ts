import { type ExpressionBuilder, type ExpressionWrapper, type SqlBool, sql } from 'kysely'
import type { CallbackStatus } from '../model.ts'
import { type Database, databaseOf } from './database.ts'
import type { Session } from './session.ts'
import type { Tables } from './tables.ts'
import { urlStartOf } from './url-start.ts'

/** Which callbacks. */
type Condition = (eb: ExpressionBuilder<Tables, 'callback'>) => ExpressionWrapper<Tables, 'callback', SqlBool>

/** Which dead callbacks. */
export interface DeadFilter {
  /** The beginning of the URL, as `UrlStart` compares it; null: any. */
  readonly url: string | null
  /** Dead since this time or later; null: any time. */
  readonly since: string | null
  /** Dead before this time; left out: any time. */
  readonly until?: string
}

/**
 * Sends settled callbacks again; the operators' trigger gives each a new budget and wakes the relay. Unsettled ones are
 * left alone.
 *
 * @returns the ids that will be sent again.
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

/** The status of each callback; one that does not exist is missing. */
export async function standingOf(db: Database, ids: readonly string[]): Promise<Map<string, CallbackStatus>> {
  const rows = await db
    .selectFrom('callback')
    .select(['id', 'status'])
    .where('id', '=', sql<string>`any (${ids})`)
    .execute()
  return new Map(rows.map(row => [row.id, row.status]))
}

/** Replays all matching callbacks or none, in one statement. @returns how many will be sent again. */
export async function replayDead(session: Session, filter: DeadFilter): Promise<bigint> {
  const result = await databaseOf(session)
    .updateTable('callback')
    .set({ status: 'pending' })
    .where(isDead(session, filter))
    .executeTakeFirst()
  return result.numUpdatedRows
}

/** @returns how many callbacks `replayDead` would send again. */
export function countDead(session: Session, filter: DeadFilter): Promise<bigint> {
  return count(session, isDead(session, filter))
}

/**
 * Makes pending callbacks due now. The order of their keys and the limits of their receivers still apply.
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

/**
 * Makes due now all callbacks with this beginning of the URL that have failed and wait for a retry, also those that are
 * due already: their receiver rests, and a retry ends that. A producer's delay is left as it is.
 */
export async function retryNow(session: Session, url: string): Promise<bigint> {
  const result = await databaseOf(session)
    .updateTable('callback')
    .set({ due_at: sql<string>`clock_timestamp()` })
    .where(isRetry(session, url))
    .executeTakeFirst()
  return result.numUpdatedRows
}

/** @returns how many callbacks `retryNow` would make due. */
export function countRetries(session: Session, url: string): Promise<bigint> {
  return count(session, isRetry(session, url))
}

async function count(session: Session, condition: Condition): Promise<bigint> {
  const { rows } = await databaseOf(session)
    .selectFrom('callback')
    .select(eb => eb.fn.countAll<string>().as('rows'))
    .where(condition)
    .executeTakeFirstOrThrow()
  return BigInt(rows)
}

/** The index by due time serves it: it has at most one row per key that waits for a retry. */
function isRetry({ schema }: Session, url: string): Condition {
  return eb =>
    eb.and([
      eb('status', '=', 'pending'),
      eb('attempts', '>', eb.ref('budget_from')),
      eb('due_at', 'is not', null),
      startsAt(schema, url),
    ])
}

/** `dead_at is not null` means status dead, and is the condition of the index of dead callbacks. */
function isDead({ schema }: Session, { url, since, until }: DeadFilter): Condition {
  return eb =>
    eb.and([
      eb('dead_at', 'is not', null),
      ...(url === null ? [] : [startsAt(schema, url)]),
      ...(since === null ? [] : [eb('dead_at', '>=', new Date(since))]),
      ...(until === undefined ? [] : [eb('dead_at', '<', new Date(until))]),
    ])
}

/** The origin is compared first: it costs less. */
function startsAt(schema: string, url: string) {
  const { origin, rest } = urlStartOf(url)
  return sql<SqlBool>`(origin = ${origin} and starts_with(${sql.id(schema, 'rest_of')}(url), ${rest}))`
}
