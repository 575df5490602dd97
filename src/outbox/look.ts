import type { CallbackStatus } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { isFree, isRow } from './sql.ts'

/** How a row stands that a claim or a record did not get. */
export interface Looked {
  readonly id: string
  readonly messageId: string
  readonly status: CallbackStatus
  readonly attempts: number
  readonly lane: number
  readonly claimedEpoch: string | null
  /** 0 when it may start at once. */
  readonly dueInMs: number
  readonly expired: boolean
  readonly held: boolean
  /** It is set aside already. */
  readonly parked: boolean
  /** The earliest unsettled row of its key before it; null when it is the first. */
  readonly blockedBy: string | null
}

/** Why the key is asked for by `>=`: see `planning` in settings.ts. */
const lookStatement: Statement = {
  name: 'ringback_look',
  text: schema => `
    select c.id, c.message_id as "messageId", c.status, c.attempts, c.lane, c.claimed_epoch as "claimedEpoch",
           case when c.due_at is null or c.due_at = 'infinity' then 0
                else greatest(0, (extract(epoch from c.due_at) - extract(epoch from clock_timestamp())) * 1000)::float8 end as "dueInMs",
           coalesce(c.expires_at <= clock_timestamp(), false) as expired,
           not (${isFree(schema)}) as held, coalesce(c.due_at = 'infinity', false) as parked,
           (select e.id from ${schema}.callback e
             where e.settled_at is null and e.ordering_key is not null
               and e.ordering_key >= c.ordering_key and (e.ordering_key, e.id) < (c.ordering_key, c.id)
             order by e.ordering_key, e.id limit 1) as "blockedBy"
      from unnest($1::bigint[]) as wanted (id)
      join ${schema}.callback c on ${isRow('wanted.id')}`,
}

/** How these rows stand now; a row that is not there any more is not in the answer. */
export async function look(session: Session, ids: readonly string[]): Promise<Looked[]> {
  return session.rows<Looked>(lookStatement, [ids])
}
