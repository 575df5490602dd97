import type { Session, Statement } from './session.ts'

/** Callbacks searched before and after the time in the id. Fewer are written in a few seconds. */
const lookedAt = 5_000

/**
 * No index has the webhook-id. It begins with its time, and ids follow about that order. So a binary search finds the
 * place: at most 63 look-ups in the primary key.
 */
const findStatement: Statement = {
  name: 'ringback_screen_find',
  text: schema => `
    with recursive halving (low, high) as (
      select coalesce(min(id), 0) - 1, coalesce(max(id), 0) + 1 from ${schema}.callback
      union all
      select case when c.created_at < $2::timestamptz then c.id else low end, case when c.created_at < $2::timestamptz then high else middle end
        from halving
       cross join lateral (select low + (high - low) / 2 as middle) m
       cross join lateral (
         select coalesce(min(c.id), middle) as id, coalesce(min(c.created_at), 'infinity') as created_at
           from (select c.id, c.created_at from ${schema}.callback c where c.id >= middle and c.id < high order by c.id limit 1) c) c
       where high - low > 1
    ), place as materialized (select min(high) as id from halving)
    select id::text as id
      from (select v.* from place p cross join lateral (
              (select c.id, c.message_id from ${schema}.callback c where c.id < p.id order by c.id desc limit ${lookedAt})
              union all
              (select c.id, c.message_id from ${schema}.callback c where c.id >= p.id order by c.id limit ${lookedAt})) v) f
     where message_id = $1 limit 1`,
}

/** A UUID of version 7, as callbacks have it. */
export function isMessageId(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)
}

/** @returns the id of the callback with this webhook-id; null: none is near the time in it. */
export async function findMessage(session: Session, messageId: string): Promise<string | null> {
  const madeAt = new Date(Number.parseInt(messageId.replace('-', '').slice(0, 12), 16))
  // No callback is of the year 10,000 or later, and PostgreSQL cannot read the ISO form of such a year.
  if (madeAt.getUTCFullYear() > 9_999) return null
  const [row] = await session.rows<{ id: string }>(findStatement, [messageId, madeAt.toISOString()])
  return row?.id ?? null
}
