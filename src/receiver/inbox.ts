/**
 * Runs the effect of each callback once. The effect and a row in `ringback.inbox` (sql/receiver/inbox.sql) commit
 * together. An effect outside of that database, such as a mail, is not covered.
 */
import type { Arrival } from './arrival.ts'
import { finite } from './finite.ts'

/** One connection: a `pg.Client`, or the client that `pool.connect()` returns. */
export interface InboxClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rowCount: number | null; readonly command: string }>
}

export interface InboxOptions {
  /**
   * The group in which order matters, such as `execution 31`. Effects of one key run one at a time, and a stale
   * callback has none. Use the same grouping as the sender's `ordering_key`: Ringback keeps order only within one
   * ordering key and URL. Default: none, and nothing is stale.
   */
  readonly key?: string
  /** How far apart the clocks of the relays may be, in seconds. Default 5. */
  readonly skewSeconds?: number
}

/**
 * Runs `effect` in a transaction, unless this callback has had its effect before. Resolves with:
 *
 * - `handled`: the effect has run and is committed.
 * - `duplicate`: the effect was committed before. A copy that comes while the first is in progress waits for it, and
 *   runs the effect if the first fails.
 * - `stale`: only with `key`. This copy was sent more than `skewSeconds` before the newest callback of its key that had
 *   its effect. The sender has given it up and gone on, so its effect does not run. It is not remembered: a replay has
 *   a new timestamp and has its effect.
 *
 * Answer 2xx to all three. Answer 500 when it throws: nothing is remembered, and the next copy runs the effect.
 *
 * `stale` has two limits, since timestamps are whole seconds of several clocks:
 *
 * - A late copy that was sent within `skewSeconds` of the newest runs its effect.
 * - If a relay's clock is more than `skewSeconds` behind another's, its new callbacks can look stale, and are lost.
 *   Where clocks cannot be trusted, raise `skewSeconds` or use no `key`.
 *
 * @param client one connection, not in a transaction. The transaction that begins here is READ COMMITTED.
 * @param effect runs its statements on this same client.
 * @throws TypeError before any statement: for a pool, or for a number that is not finite or, as `skewSeconds`, below 0.
 * @throws what `effect` throws, after ROLLBACK. After a failed connection, call `release(true)`: ROLLBACK may not have
 *   arrived. If it failed at COMMIT, nobody knows whether that took effect; the next copy finds out.
 */
export async function receive<Client extends InboxClient>(
  client: Client,
  arrival: Pick<Arrival, 'messageId' | 'sentAt'>,
  effect: (client: Client) => Promise<unknown> | unknown,
  { key, skewSeconds = 5 }: InboxOptions = {},
): Promise<'handled' | 'duplicate' | 'stale'> {
  if ('totalCount' in client)
    throw new TypeError(
      'client: expected one connection, as from pool.connect(); got a pool, which spreads statements over connections',
    )
  finite('sentAt', arrival.sentAt)
  finite('skewSeconds', skewSeconds, 0)
  await client.query('begin isolation level read committed')
  try {
    const found = await lookUp(client, arrival, { key, skewSeconds })
    if (found === 'handled') await effect(client)
    const end = found === 'handled' ? 'commit' : 'rollback'
    const { command } = await client.query(end)
    // PostgreSQL answers COMMIT with ROLLBACK when a statement has failed, and the effect has caught its error.
    if (command !== end.toUpperCase()) throw new Error('a statement of the effect has failed, so nothing was committed')
    return found
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

/** The unique index makes a second copy wait until the first has committed or rolled back. */
const REMEMBER = `
  insert into ringback.inbox (message_id, sent_at) values ($1, to_timestamp($2)) on conflict do nothing`

/** Locks the key's row in any case. It changes no row when the key has seen a newer callback. */
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
