/**
 * The effect of a callback, once: the row that remembers it and the effect itself commit together, in `ringback.inbox` of the
 * receiver's own database (sql/receiver/inbox.sql). Effects elsewhere, such as a mail, are beyond any transaction.
 */
import type { Arrival } from './arrival.ts'
import { finite } from './finite.ts'

/** A connection, such as `pg.Client` or what `pool.connect()` gives. */
export interface InboxClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rowCount: number | null; readonly command: string }>
}

export interface InboxOptions {
  /**
   * What this callback is kept in order with, such as `execution 31`. With it, callbacks of one key have their effects one at a
   * time, and a stale one has none. It must not hold together what the sender does not: with Ringback, callbacks of
   * different ordering keys or to different URLs are not in order. Default: none, and nothing is stale.
   */
  readonly key?: string
  /** How far the clocks of the sender's machines may differ, in seconds. Default 5. */
  readonly skewSeconds?: number
}

/**
 * Runs `effect` in a transaction unless this callback has had its effect already.
 *
 * - `handled`: it had its effect now, and that is committed.
 * - `duplicate`: it had it before. A copy that comes while the first is being worked on waits for it, so if that one fails,
 *   this one has the effect.
 * - `stale`: only with `key`. It was sent more than `skewSeconds` before the newest of its key that had its effect: a late
 *   copy, of which the sender had given up every attempt and gone on. It has no effect and is not remembered: a replay has a
 *   timestamp of its own and does have its effect.
 *
 * Answer 2xx to all three, and 500 when it throws: then nothing is remembered, and the next copy has the effect.
 *
 * What `stale` cannot tell: a late copy that was sent within `skewSeconds` of the newest has its effect, since timestamps are
 * whole seconds of several clocks. And a relay whose clock is further behind another's makes what is new look stale, which
 * loses it: set `skewSeconds` higher, or do without `key`, where clocks cannot be trusted.
 *
 * @param client a connection of its own, not in a transaction; the transaction is READ COMMITTED.
 * @param effect whatever is to happen, on the same client.
 * @throws TypeError before anything is done, for a pool, and for a time or an option that is no finite number.
 * @throws what `effect` throws, after ROLLBACK. When the connection fails at COMMIT nobody knows how it ended; the next copy
 *   finds out. Close the connection then, `release(true)`: ROLLBACK may not have got through.
 */
export async function receive<Client extends InboxClient>(
  client: Client,
  arrival: Pick<Arrival, 'messageId' | 'sentAt'>,
  effect: (client: Client) => Promise<unknown> | unknown,
  { key, skewSeconds = 5 }: InboxOptions = {},
): Promise<'handled' | 'duplicate' | 'stale'> {
  if ('totalCount' in client)
    throw new TypeError(
      'client: expected one connection, as of pool.connect(); got a pool, whose statements are on any',
    )
  finite('sentAt', arrival.sentAt)
  finite('skewSeconds', skewSeconds, 0)
  await client.query('begin isolation level read committed')
  try {
    const found = await lookUp(client, arrival, { key, skewSeconds })
    if (found === 'handled') await effect(client)
    const end = found === 'handled' ? 'commit' : 'rollback'
    const { command } = await client.query(end)
    // So PostgreSQL answers where a statement has failed and the effect has gone on as if it had not.
    if (command !== end.toUpperCase()) throw new Error('a statement of the effect has failed, so nothing was committed')
    return found
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

/** The unique index makes a second copy wait until the first is committed, or rolled back. */
const REMEMBER = `
  insert into ringback.inbox (message_id, sent_at) values ($1, to_timestamp($2)) on conflict do nothing`

/** Locks the key's row whether or not it changes it; no row changed: the key has seen newer ones. */
const SEEN = `
  insert into ringback.inbox_key as seen (key, sent_at) values ($1, to_timestamp($2))
      on conflict (key) do update set sent_at = greatest(seen.sent_at, excluded.sent_at)
   where seen.sent_at <= excluded.sent_at + make_interval(secs => $3)`

async function lookUp(
  client: InboxClient,
  { messageId, sentAt }: Pick<Arrival, 'messageId' | 'sentAt'>,
  { key, skewSeconds }: { readonly key: string | undefined; readonly skewSeconds: number },
): Promise<'handled' | 'duplicate' | 'stale'> {
  const { rowCount: added } = await client.query(REMEMBER, [messageId, sentAt])
  if (added === 0) return 'duplicate'
  if (key === undefined) return 'handled'
  const { rowCount: seen } = await client.query(SEEN, [key, sentAt, skewSeconds])
  return seen === 0 ? 'stale' : 'handled'
}
