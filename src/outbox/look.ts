import type { CallbackStatus, ShownRow } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { firstOfKey, isFree, isRow, isSuperseded, secondsSince, shown, waitsForDueTime } from './sql.ts'

/** The state of a row that a claim or a record did not get. */
export interface Looked {
  readonly id: string
  readonly messageId: string
  readonly status: CallbackStatus
  readonly attempts: number
  readonly claimedEpoch: string | null
  /** As a read would show it; meaningless for a settled row. */
  readonly row: ShownRow
  /** Since when it has expired, in milliseconds; null: it has not. */
  readonly expiredMs: number | null
  /** A newer row has superseded it. */
  readonly isSuperseded: boolean
  readonly isHeld: boolean
  /** Another open transaction has locked it. */
  readonly isLocked: boolean
  /** The first unsettled row of its key, if that is another row. */
  readonly first: ShownRow | null
}

interface LookedRow extends ShownRow, Omit<Looked, 'row' | 'first' | 'id'> {
  readonly first: (Omit<ShownRow, 'id'> & { readonly id: number | string }) | null
}

/** A row that SKIP LOCKED leaves out is locked. The locks taken here end with the statement. */
const lookStatement: Statement = {
  name: 'ringback_look',
  text: schema => `
    with got as materialized (
      select c.id from unnest($1::bigint[]) as wanted (id) join ${schema}.callback c on ${isRow('wanted.id')}
       where c.status in ('pending', 'claimed')
         for no key update of c skip locked
    )
    select c.message_id as "messageId", c.status, c.attempts, c.claimed_epoch as "claimedEpoch", ${shown('$2::bigint', waitsForDueTime(schema))},
           case when c.expires_at <= clock_timestamp() then ${secondsSince('c.expires_at')} * 1000 end as "expiredMs",
           ${isSuperseded(schema)} as "isSuperseded",
           not (${isFree(schema)}) as "isHeld",
           c.settled_at is null and c.id not in (select id from got) as "isLocked",
           (select row_to_json(f) from (
             select f.id::text, f."orderingKey", f.origin, f."urlHash", f."dueUs", f.standing, f.rev, f.tried, f."maxAttempts" from (
               ${firstOfKey(schema, '$2::bigint', 'asked.ordering_key')}) f where f.id < asked.id) f) as first
      from unnest($1::bigint[]) as wanted (id)
      join ${schema}.callback c on ${isRow('wanted.id')}
     cross join lateral (select c.id, c.ordering_key offset 0) asked`,
}

/** The state of these rows now. Rows that no longer exist are missing from the answer. */
export async function look(session: Session, epoch: string, ids: readonly string[]): Promise<Looked[]> {
  const rows = await session.rows<LookedRow>(lookStatement, [ids, epoch])
  return rows.map(
    ({ id, orderingKey, origin, urlHash, dueUs, standing, rev, tried, maxAttempts, first, ...stands }): Looked => ({
      ...stands,
      id,
      row: { id, orderingKey, origin, urlHash, dueUs, standing, rev, tried, maxAttempts },
      first: first && { ...first, id: String(first.id) },
    }),
  )
}
