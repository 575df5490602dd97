import { sql } from 'kysely'
import type { CallbackStatus, OutcomeKind } from '../model.ts'
import type { Database } from './database.ts'

/** A callback and all its POSTs. */
export interface History {
  readonly url: string
  readonly status: CallbackStatus
  readonly attempts: number
  readonly lastError: string | null
  /** In the order made. */
  readonly made: readonly AttemptRow[]
}

/** A row of `outbox.attempt`. */
export interface AttemptRow {
  readonly attempt: number
  readonly startedAt: Date
  readonly tookMs: number
  readonly outcome: OutcomeKind
  readonly httpStatus: number | null
  readonly error: string | null
  readonly excerpt: string | null
  readonly relay: string
}

/** @returns undefined: no such callback. */
export async function readHistory(db: Database, id: string): Promise<History | undefined> {
  const callback = await db
    .selectFrom('callback')
    .select(['message_id as messageId', 'url', 'status', 'attempts', 'last_error as lastError'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (!callback) return undefined
  const { messageId, ...history } = callback
  return { ...history, made: await readAttempts(db, id, messageId) }
}

/** An attempt may have two rows, what an heir assumed and what the old relay saw. They follow each other. */
function readAttempts(db: Database, id: string, messageId: string): Promise<AttemptRow[]> {
  return db
    .selectFrom('attempt')
    .select(['attempt', 'started_at as startedAt', 'outcome', 'http_status as httpStatus', 'error', 'relay'])
    .select([
      'response_excerpt as excerpt',
      sql<number>`extract(epoch from finished_at - started_at)::float8 * 1000`.as('tookMs'),
    ])
    .where('callback_id', '=', id)
    .where('message_id', '=', messageId)
    .orderBy('attempt')
    .orderBy('epoch')
    .execute()
}
