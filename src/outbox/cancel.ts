import type { Session, Statement } from './session.ts'

/** Which waiting callbacks. */
export type Waiting = { readonly ids: readonly string[] } | { readonly url: string } | { readonly key: string }

/**
 * By ids, by the beginning of the URL, or by the ordering key. The conditions let PostgreSQL use the indexes on
 * unsettled rows: see cookbook/cancel.sql.
 */
function conditionOf(waiting: Waiting): { readonly text: string; readonly value: unknown } {
  if ('ids' in waiting) return { text: 'id = any ($1)', value: waiting.ids }
  if ('key' in waiting) return { text: 'settled_at is null and ordering_key = $1', value: waiting.key }
  return {
    text: '(settled_at is null and due_at is null or due_at is not null) and starts_with(url, $1)',
    value: waiting.url,
  }
}

/**
 * Cancels pending callbacks: none of them is sent after the commit. Callbacks that are being sent are left alone.
 * @returns the ids of the cancelled callbacks.
 */
export async function cancelWaiting(session: Session, waiting: Waiting): Promise<string[]> {
  const { text, value } = conditionOf(waiting)
  const statement: Statement = {
    name: 'ringback_cancel',
    text: schema =>
      `update ${schema}.callback set status = 'cancelled' where status = 'pending' and ${text} returning id`,
  }
  return (await session.rows<{ id: string }>(statement, [value])).map(({ id }) => id)
}

/** How many of these callbacks are pending, and how many are being sent. */
export async function countWaiting(session: Session, waiting: Waiting): Promise<{ pending: bigint; claimed: bigint }> {
  const { text, value } = conditionOf(waiting)
  const statement: Statement = {
    name: 'ringback_count_waiting',
    text: schema => `
      select count(*) filter (where status = 'pending') as pending, count(*) filter (where status = 'claimed') as claimed
        from ${schema}.callback where status in ('pending', 'claimed') and ${text}`,
  }
  const [row] = await session.rows<{ pending: string; claimed: string }>(statement, [value])
  return { pending: BigInt(row?.pending ?? 0), claimed: BigInt(row?.claimed ?? 0) }
}
