import type { Session, Statement } from './session.ts'
import { originHash } from './sql.ts'
import { startsAt, urlStartOf } from './url-start.ts'

/** Which waiting callbacks. */
export type Waiting = { readonly ids: readonly string[] } | { readonly url: string } | { readonly key: string }

interface Condition {
  readonly text: (schema: string) => string
  readonly values: readonly unknown[]
}

/**
 * By ids, by the beginning of the URL, or by the ordering key. The conditions let PostgreSQL use the indexes on
 * unsettled rows: see cookbook/cancel.sql.
 */
function conditionOf(waiting: Waiting): Condition {
  if ('ids' in waiting) return { text: () => 'c.id = any ($1)', values: [waiting.ids] }
  if ('key' in waiting) return { text: () => 'c.settled_at is null and c.ordering_key = $1', values: [waiting.key] }
  const { origin, rest } = urlStartOf(waiting.url)
  return {
    text: schema =>
      `c.settled_at is null and ${originHash} = hashtextextended($1, 0) and ${startsAt(schema, '$1', '$2')}`,
    values: [origin, rest],
  }
}

/**
 * Cancels pending callbacks: none of them is sent after the commit. Callbacks that are being sent are left alone.
 * @returns the ids of the cancelled callbacks.
 */
export async function cancelWaiting(session: Session, waiting: Waiting): Promise<string[]> {
  const { text, values } = conditionOf(waiting)
  const statement: Statement = {
    name: 'ringback_cancel',
    text: schema =>
      `update ${schema}.callback c set status = 'cancelled' where c.status = 'pending' and ${text(schema)} returning c.id`,
  }
  return (await session.rows<{ id: string }>(statement, values)).map(({ id }) => id)
}

/** How many of these callbacks are pending, and how many are being sent. */
export async function countWaiting(session: Session, waiting: Waiting): Promise<{ pending: bigint; claimed: bigint }> {
  const { text, values } = conditionOf(waiting)
  const statement: Statement = {
    name: 'ringback_count_waiting',
    text: schema => `
      select count(*) filter (where c.status = 'pending') as pending, count(*) filter (where c.status = 'claimed') as claimed
        from ${schema}.callback c where c.status in ('pending', 'claimed') and ${text(schema)}`,
  }
  const [row] = await session.rows<{ pending: string; claimed: string }>(statement, values)
  return { pending: BigInt(row?.pending ?? 0), claimed: BigInt(row?.claimed ?? 0) }
}
