import { databaseOf } from '../../../outbox/database.ts'
import type { Session, Statement } from '../../../outbox/session.ts'
import { isFree, isRow } from '../../../outbox/sql.ts'
import { readRelays } from '../../../outbox/status.ts'
import { pause } from '../../../pause.ts'
import { check, fault, spell } from '../check.ts'

/** Callbacks that a relay could send and does not send. */
interface Stall {
  /** At most `candidates`. */
  readonly count: number
  /** For how long the first of them has been due. */
  readonly seconds: number
}

/** How many callbacks are watched, and how many index entries are read to find them. */
const candidates = 100
const entries = 1_000

/** A callback that has been due for less than this, in seconds, may be about to be sent. */
const dueFor = 10

/**
 * Callbacks that are due, not on hold and not behind another of their key, from the beginning of each index. Origins
 * with a claimed or a tried callback are left out: their window may be full, or their breaker open.
 */
const candidatesStatement: Statement = {
  name: 'ringback_stall_candidates',
  text: schema => `
    with waiting as materialized (
      (select c.id, c.url, c.ordering_key, c.origin, c.status, c.attempts > c.budget_from as tried, c.created_at as since
         from ${schema}.callback c where c.settled_at is null and c.due_at is null order by c.id limit ${entries})
       union all
      (select c.id, c.url, c.ordering_key, c.origin, c.status, c.attempts > c.budget_from, greatest(c.due_at, c.created_at)
         from ${schema}.callback c where c.due_at is not null order by greatest(c.due_at, c.created_at), c.id limit ${entries})
    ), busy as materialized (
      select distinct origin from waiting where tried or status = 'claimed'
    )
    select c.id, extract(epoch from clock_timestamp() - c.since)::float8 as seconds
      from waiting c
     where c.status = 'pending' and c.since < clock_timestamp() - interval '${dueFor} s' and c.origin not in (select origin from busy)
       and (c.ordering_key is null or not exists (
             select from ${schema}.callback e
              where e.settled_at is null and e.ordering_key is not null
                and e.ordering_key = c.ordering_key and (e.ordering_key, e.id) < (c.ordering_key, c.id)))
       and ${isFree(schema)}
     order by c.since limit ${candidates}`,
}

const untouchedStatement: Statement = {
  name: 'ringback_stall_untouched',
  text: schema => `
    select count(*)::float8 as count from unnest($1::bigint[]) as wanted (id)
      join ${schema}.callback c on ${isRow('wanted.id')} where c.status = 'pending' and c.attempts = c.budget_from`,
}

/** null: relays send what they can, or no relay lives. */
export const stalled = check<Stall | null>({
  name: 'stalled',
  async read(session, { watchMs }) {
    const relays = await readRelays(databaseOf(session))
    const isServed = relays.some(each => each.renewedSecondsAgo <= each.leaseSeconds)
    return isServed ? watch(session, watchMs) : null
  },
  judge: stall =>
    stall === null
      ? null
      : fault(
          `${stall.count === 1 ? '1 callback is' : `at least ${stall.count} callbacks are`} due, for up to ${spell(stall.seconds)}, and none was sent while we watched`,
          'a relay lives, but it does not see these callbacks, cannot claim them, or all its slots are taken by receivers that hang (or a `rate` of --config holds them back)',
          'read the log of the relay, from its last `database_away` or `database_refuses` on; the other findings here may say why',
        ),
})

/**
 * Watches callbacks for up to `watchMs`; null as soon as one of them is claimed, which is at once if a relay works. The
 * database has no count of claims, and no index for the time of the last one.
 */
async function watch(session: Session, watchMs: number): Promise<Stall | null> {
  const waiting = await session.rows<{ id: string; seconds: number }>(candidatesStatement)
  const [oldest] = waiting
  if (!oldest) return null
  const ids = waiting.map(({ id }) => id)
  const end = performance.now() + watchMs
  do {
    await pause(Math.min(250, watchMs))
    const [row] = await session.rows<{ count: number }>(untouchedStatement, [ids])
    if (row?.count !== ids.length) return null
  } while (performance.now() < end)
  return { count: ids.length, seconds: oldest.seconds }
}
