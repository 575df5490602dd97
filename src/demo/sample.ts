/**
 * What the sample receiver does with a POST, as any receiver on `ringback/receiver` would: is it genuine, what does it say,
 * and its effect, once. The database is the receiver's own; sql/receiver/inbox.sql has made the inbox in it.
 */
import type pg from 'pg'
import { type Arrival, FormError, type Headers, parse, receive, VerificationError, verify } from '../receiver.ts'

/** The effect of a callback is a row here. Nothing but the inbox keeps a second one out. */
export const effectTable = `create table effect (
  id bigint generated always as identity, message_id text not null, path text not null, form text not null)`

export interface Post {
  readonly path: string
  readonly headers: Headers
  /** The bytes as they came. */
  readonly body: Uint8Array
}

/** What became of it, and how to answer. */
export interface Taken {
  readonly found: 'handled' | 'duplicate' | 'stale' | 'refused' | 'failed'
  readonly status: number
  /** Why it was refused or failed; else empty. */
  readonly reason: string
}

export async function take(pool: pg.Pool, keys: string, { path, headers, body }: Post): Promise<Taken> {
  try {
    const arrival = verify(headers, body, keys)
    const found = await handle(pool, arrival, path, parse(body))
    return { found, status: 200, reason: '' }
  } catch (error) {
    const { message } = error as Error
    // Both are final: the callback is dead, and can be replayed. 500 is tried again.
    if (error instanceof VerificationError) return { found: 'refused', status: 401, reason: message }
    if (error instanceof FormError) return { found: 'refused', status: 400, reason: message }
    return { found: 'failed', status: 500, reason: message }
  }
}

/** The row of the effect commits together with the inbox's, or neither does. */
async function handle(pool: pg.Pool, arrival: Arrival, path: string, form: URLSearchParams) {
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    const effect = 'insert into effect (message_id, path, form) values ($1, $2, $3)'
    // What the sender keeps in order: the callbacks of an execution, or else of a flow, to one URL.
    const key = `${path} ${form.get('flowExecutionId') ?? form.get('flowId')}`
    return await receive(client, arrival, () => client.query(effect, [arrival.messageId, path, `${form}`]), { key })
  } catch (error) {
    failure = error as Error
    throw error
  } finally {
    // A connection that failed is closed.
    client.release(failure)
  }
}
