import type { CallbackStatus, ShownRow } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { firstOfKey, isFree, isRow, isSuperseded, shown } from './sql.ts'

/** How a row stands that a claim or a record did not get. */
export interface Looked {
  readonly id: string
  readonly messageId: string
  readonly status: CallbackStatus
  readonly attempts: number
  readonly claimedEpoch: string | null
  /** As a read would show it; of a settled row it says nothing. */
  readonly row: ShownRow
  readonly isExpired: boolean
  /** A newer row has come in its place. */
  readonly isSuperseded: boolean
  readonly isHeld: boolean
  /** Somebody's open transaction has it. */
  readonly isLocked: boolean
  /** The first unsettled row of its key, when that is another. */
  readonly first: ShownRow | null
}

interface LookedRow extends ShownRow, Omit<Looked, 'row' | 'first' | 'id'> {
  readonly first: (Omit<ShownRow, 'id'> & { readonly id: number | string }) | null
}

/** A lock is told by trying; what is got here is let go at the end of the statement. */
const lookStatement: Statement = {
  name: 'ringback_look',
  text: schema => `
    with got as materialized (
      select c.id from unnest($1::bigint[]) as wanted (id) join ${schema}.callback c on ${isRow('wanted.id')}
       where c.status in ('pending', 'claimed')
         for no key update of c skip locked
    )
    select c.message_id as "messageId", c.status, c.attempts, c.claimed_epoch as "claimedEpoch", ${shown(schema, '$2::bigint')},
           coalesce(c.expires_at <= clock_timestamp(), false) as "isExpired",
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

/** How these rows stand now; a row that is not there any more is not in the answer. */
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
