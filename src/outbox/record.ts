import type { Attempt } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { isRow } from './sql.ts'

/**
 * The attempt is written down in any case, as a fact. The row is changed only while it is still claimed by this very
 * attempt (number and epoch); a 2xx may also settle a row that an heir has released and nobody has claimed since.
 * Except that a failover may have lost the row, and given its id, even its epoch, to another: `message_id` tells. Then
 * nothing is written, or it would stand in the other's history, in the place of its own attempt.
 * ON CONFLICT and the fence make it idempotent: when the reply was lost it is simply sent again.
 * An heir's row has the heir's epoch, so that the old relay's own account of the same attempt still finds its place.
 * Times are ages in milliseconds, so that the database's clock alone says when.
 * `free` carries the outcomes along: joined to `r` once more, two hundred of each would be compared with one another.
 * A url is put on hold along with the row that found it gone: once, though the statement be sent again, and never by a
 * zombie. Not by a unique index, which would have this statement wait for an operator who has inserted or deleted the same
 * prefix and not committed yet; the function sees what another relay has just committed, as this statement's snapshot may not.
 */
const recordStatement: Statement = {
  name: 'ringback_record',
  text: schema => `
    with r as materialized (
      select * from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::text[], $5::integer[], $6::text[], $7::text[],
                           $8::float8[], $9::float8[], $10::text[], $11::float8[], $12::text[], $13::bigint[], $15::uuid[])
        as r (id, attempt, epoch, outcome, http_status, error, excerpt, started_ms, finished_ms, status, retry_ms, reason, written_epoch, message_id)
    ), free as materialized (
      select r.*
        from r join ${schema}.callback c on ${isRow('r.id')}
       where c.attempts = r.attempt and c.claimed_epoch = r.epoch and c.message_id = r.message_id
         and (c.status = 'claimed' or c.status = 'pending' and r.status = 'delivered')
         for no key update of c skip locked
    ), written as (
      insert into ${schema}.attempt (callback_id, message_id, attempt, epoch, started_at, finished_at, outcome, http_status, error, response_excerpt, relay)
      select id, message_id, attempt, written_epoch, clock_timestamp() - started_ms * interval '1 ms', clock_timestamp() - finished_ms * interval '1 ms',
             outcome, http_status, error, excerpt, $14
        from r
       where id in (select id from free) or not exists (select from ${schema}.callback c where ${isRow('r.id')} and c.message_id <> r.message_id)
          on conflict do nothing
    ), done as (
      update ${schema}.callback c
         set status = free.status, rev = c.rev + 1, last_http_status = free.http_status, last_error = free.reason,
             due_at = case free.status when 'pending' then least(clock_timestamp() + free.retry_ms * interval '1 ms', c.expires_at) end,
             settled_at = case free.status when 'pending' then null else clock_timestamp() end,
             dead_at = case free.status when 'dead' then clock_timestamp() end
        from free
       where ${isRow('free.id')}
      returning c.id, c.url
    )
    select id, case when id = any ($16::bigint[]) then ${schema}.hold_gone(url, '410 Gone, callback ' || id, $14) end as held from done order by id`,
}

/**
 * Records attempts, at most one for each callback.
 *
 * @param now `performance.now()`, the clock of the outcomes.
 * @returns ids of the rows that became what was decided; `look` tells about the others.
 */
export async function record(
  session: Session,
  attempts: readonly Attempt[],
  relay: string,
  now: number,
): Promise<Set<string>> {
  const rows = await session.rows<{ id: string }>(recordStatement, [
    attempts.map(a => a.id),
    attempts.map(a => a.attempt),
    attempts.map(a => a.epoch),
    attempts.map(a => a.outcome.kind),
    attempts.map(a => a.outcome.httpStatus),
    attempts.map(a => storable(a.outcome.error)),
    attempts.map(a => storable(a.outcome.responseExcerpt)),
    attempts.map(a => now - a.outcome.startedAtMs),
    attempts.map(a => now - a.outcome.finishedAtMs),
    attempts.map(a => a.decision.status),
    attempts.map(a => (a.decision.status === 'pending' ? a.decision.retryInMs : null)),
    attempts.map(a => (a.decision.status === 'delivered' ? null : storable(a.decision.reason))),
    attempts.map(a => a.writtenEpoch),
    relay,
    attempts.map(a => a.messageId),
    attempts.filter(a => a.decision.status === 'dead' && a.decision.holdsUrl).map(a => a.id),
  ])
  return new Set(rows.map(row => row.id))
}

/** PostgreSQL's text holds any character but NUL; lone surrogates become U+FFFD on their way to UTF-8. */
function storable(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '')
}
