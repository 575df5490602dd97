import type { Claim, OwnedLane, WaitingCallback } from '../model.ts'
import { laneCount } from '../policy/lanes.ts'
import type { Session, Statement } from './session.ts'
import { isFree, isRow, sentKey } from './sql.ts'

/**
 * Lanes that are still mine at my epoch. The lock is FOR KEY SHARE: a takeover changes the epoch, which the unique
 * (id, epoch) makes a key, so it waits for this statement and this one for it; a renewal does not touch the lane at all.
 * In the order of their ids, as a takeover locks them: otherwise the two could wait for one another.
 * Asked for by `lane = any (array(select id from mine))`: as a join, each callback would be compared with each lane.
 */
export const mine = (schema: string) => `
  mine as materialized (
    select l.id, l.epoch
      from ${schema}.lane l
      join unnest($2::smallint[], $3::bigint[]) as m (id, epoch) on l.id = m.id and l.epoch = m.epoch
       order by l.id
       for key share of l
  )`

/**
 * Order is asked of the database once more: an earlier unsettled row of the key refuses the claim, even one that memory has
 * not seen yet. Why it compares rows: see `planning` in settings.ts.
 * SKIP LOCKED: a row that an operator holds in an open transaction is left for later; nothing here ever waits for a row.
 */
const claimStatement: Statement = {
  name: 'ringback_claim',
  text: schema => `
    with ${mine(schema)}, free as materialized (
      select c.id, ($4::bigint[])[c.lane + 1] as epoch
        from unnest($1::bigint[]) as wanted (id)
        join ${schema}.callback c on ${isRow('wanted.id')}
       where c.lane = any (array(select id from mine)) and c.status = 'pending'
         and (c.due_at is null or c.due_at <= clock_timestamp() or c.due_at = 'infinity')
         and (c.expires_at is null or c.expires_at > clock_timestamp())
         and (c.ordering_key is null or not exists (
               select from ${schema}.callback e
                where e.settled_at is null and e.ordering_key is not null
                  and e.ordering_key = c.ordering_key and (e.ordering_key, e.id) < (c.ordering_key, c.id)))
         and ${isFree(schema)}
         for no key update of c skip locked
    )
    update ${schema}.callback c
       set status = 'claimed', attempts = c.attempts + 1, claimed_at = clock_timestamp(), claimed_epoch = free.epoch, rev = c.rev + 1
      from free
     where ${isRow('free.id')}
    returning c.id, c.attempts as attempt, c.claimed_epoch as epoch, c.message_id as "messageId", c.lane,
              ${sentKey} as "orderingKey", c.origin, c.url, c.form::text as form, c.traceparent,
              c.attempts - c.budget_from as "attemptOfBudget", c.max_attempts as "maxAttempts"`,
}

/** Leases rows of these lanes for one attempt each. Returns those it got, in no order; `look` tells about the others. */
export async function claim(
  session: Session,
  callbacks: readonly WaitingCallback[],
  lanes: readonly OwnedLane[],
): Promise<Claim[]> {
  const epochs = new Array<string | null>(laneCount).fill(null)
  for (const { lane, epoch } of lanes) epochs[lane] = epoch
  return session.rows<Claim>(claimStatement, [
    callbacks.map(({ id }) => id),
    lanes.map(({ lane }) => lane),
    lanes.map(({ epoch }) => epoch),
    epochs,
  ])
}
