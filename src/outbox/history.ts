import { sql } from 'kysely'
import type { CallbackStatus, OutcomeKind } from '../model.ts'
import type { Database } from './database.ts'
import type { Session, Statement } from './session.ts'
import { isFree } from './sql.ts'

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

/** What may keep a pending callback from being sent now. */
export interface Obstacles {
  readonly isHeld: boolean
  /** The nearest unsettled callback before it in its key. */
  readonly behind: string | null
  /** null: at once. */
  readonly dueAt: Date | null
  readonly isLater: boolean
}

const obstaclesStatement: Statement = {
  name: 'ringback_obstacles',
  text: schema => `
    select not ${isFree(schema)} as "isHeld", d.due_at as "dueAt", coalesce(d.due_at > statement_timestamp(), false) as "isLater",
           (select b.id::text from ${schema}.callback b
             where b.settled_at is null and (b.ordering_key, b.id) < (c.ordering_key, c.id) and b.ordering_key >= c.ordering_key
             order by b.ordering_key desc, b.id desc limit 1) as behind
      from ${schema}.callback c, lateral (select greatest(c.due_at, case when c.due_at is not null then c.created_at end) as due_at) d
     where c.id = any (array[$1::bigint]) and c.status = 'pending'`,
}

/** @returns undefined: it is not pending. */
export async function readObstacles(session: Session, id: string): Promise<Obstacles | undefined> {
  const [row] = await session.rows<Obstacles>(obstaclesStatement, [id])
  return row
}
