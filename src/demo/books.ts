import type pg from 'pg'
import type { Transaction } from './scheduler.ts'

/** A callback as the database has it at the end. */
export interface BookedCallback {
  readonly id: string
  readonly messageId: string
  readonly orderingKey: string | null
  readonly url: string
  readonly status: string
}

/** A row of outbox.attempt. */
export interface BookedAttempt {
  readonly messageId: string
  readonly attempt: number
  readonly outcome: string
  readonly httpStatus: number | null
}

/** What the database says. The receiver's log is held against it. */
export interface Books {
  readonly callbacks: readonly BookedCallback[]
  readonly attempts: readonly BookedAttempt[]
  /** Of each committed transaction, by its xid: Unix time in milliseconds. */
  readonly committedAtMs: ReadonlyMap<string, number>
}

const CALLBACKS = `
  select id, message_id as "messageId", ordering_key as "orderingKey", url, status from outbox.callback order by id`

const ATTEMPTS = `
  select message_id as "messageId", attempt, outcome, http_status as "httpStatus" from outbox.attempt order by started_at`

/** Needs `track_commit_timestamp`. The columns xmin of the callbacks do not help: the relay has changed the rows since. */
const COMMITTED = `
  select xid, (extract(epoch from pg_xact_commit_timestamp(xid::xid)) * 1000)::float8 as "atMs"
    from unnest($1::text[]) as xid`

export async function readBooks(db: pg.Pool, transactions: readonly Transaction[]): Promise<Books> {
  const xids = transactions.filter(({ committed }) => committed).map(({ xid }) => xid)
  const { rows: callbacks } = await db.query<BookedCallback>(CALLBACKS)
  const { rows: attempts } = await db.query<BookedAttempt>(ATTEMPTS)
  const { rows: committed } = await db.query<{ xid: string; atMs: number }>(COMMITTED, [xids])
  return { callbacks, attempts, committedAtMs: new Map(committed.map(({ xid, atMs }) => [xid, atMs])) }
}
