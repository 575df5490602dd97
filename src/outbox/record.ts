import type { Attempt, Decision, OutcomeKind, ShownRow } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { firstOfKey, isRow, plainArray, sentKey } from './sql.ts'

/** The attempts, as parameters. Times are ages in microseconds, so that only the database's clock counts. */
const given = `unnest($1::bigint[], $2::uuid[], $3::integer[], $4::bigint[], $5::float8[], $6::float8[], $7::float8[], $8::integer[])
          as each (id, message_id, attempt, rev, started_us, finished_us, retry_ms, ending)`

/** What many attempts share, by its place `ending`. */
const common = {
  epoch: '($9::bigint[])[ending]',
  writtenEpoch: '($10::bigint[])[ending]',
  outcome: '($11::text[])[ending]',
  httpStatus: '($12::integer[])[ending]',
  error: '($13::text[])[ending]',
  excerpt: '($14::text[])[ending]',
  status: '($15::text[])[ending]',
  reason: '($16::text[])[ending]',
  holdsUrl: '($17::boolean[])[ending]',
} as const

/**
 * An attempt has two facts, recorded independently. The row is changed if it is still this attempt's. What was seen is
 * written down if the row exists: in the row that it settles, else in the log. `outbox.attempt` shows both. ON CONFLICT
 * and the fence make the statement idempotent: it is sent again after a lost reply.
 *
 * Three choices save time:
 * - Arrays, since PostgreSQL takes a sixth longer to read one JSON document with 200 attempts.
 * - What many attempts share (delivered, 204) is sent once: unnesting an array costs 0.2 µs a row on either side.
 * - Shared values are looked up where needed. Carried from step to step they would be copied for each attempt.
 *
 * @param deletes deletes delivered rows instead of updating them, and after an earlier attempt also their log. A row no
 * longer claimed when its 2xx came is updated; the janitor deletes it.
 */
const recording = (deletes: boolean): Statement => ({
  name: deletes ? 'ringback_record_deleting' : 'ringback_record',
  text: schema => {
    const forgets = `, (select ${schema}.forget_attempts(old.ids) from old where old.ids <> '{}') as forgotten`
    return `
    with free as materialized (
      -- The columns of an attempt are carried along: a second join would compare 200 attempts with one another.
      select c.id, c.ctid as place, attempt, started_us, finished_us, retry_ms, ending, ${common.status} as status,
             ${deletes ? `c.status = 'claimed' and ${common.status} = 'delivered'` : 'false'} as leaves
        from ${given} join ${schema}.callback c on ${isRow('each.id')}
         -- The fence: claimed by this attempt, as told by rev, since a release lets the attempt number repeat. A 2xx also
         -- settles a row that an heir has released and no relay has claimed since.
       where c.attempts = attempt and c.claimed_epoch = ${common.epoch} and c.message_id = each.message_id
         and (c.status = 'claimed' and c.rev = each.rev or c.status = 'pending' and ${common.status} = 'delivered')
         for ${deletes ? 'update' : 'no key update'} of c skip locked
    ), r as materialized (
      -- Empty for most batches: each row is settled, and nothing goes to the log.
      select each.*, ${common.epoch} as epoch, ${common.writtenEpoch} as written_epoch, ${common.status} as status
        from ${given}
       where (select count(*) from free where status <> 'pending') < cardinality($1::bigint[])
    ), fact as materialized (
      -- Attempts whose row has gone on without them. The lock keeps the row from being deleted meanwhile: the log would
      -- keep the attempt for ever.
      select r.id
        from r join ${schema}.callback c on ${isRow('r.id')}
       where r.id not in (select id from free)
         -- What an heir assumes is written with its row or not at all.
         and r.written_epoch = r.epoch
         -- A failover may lose the row and give its id and epoch to another row, which has another message_id. This
         -- attempt must not appear in the history of that row.
         and c.message_id = r.message_id
         -- Excludes an attempt recorded before, whose reply was lost.
         and (c.attempts, c.last_epoch) is distinct from (r.attempt, r.written_epoch)
         ${deletes ? waitsForRecord : ''}
         for key share of c skip locked
    ), logged as (
      insert into ${schema}.attempt_log (callback_id, message_id, attempt, epoch, started_at, finished_at, outcome, http_status, error, response_excerpt, relay)
      select id, message_id, attempt, written_epoch, clock_timestamp() - started_us * interval '1 us', clock_timestamp() - finished_us * interval '1 us',
             ${common.outcome}, ${common.httpStatus}, ${common.error}, ${common.excerpt}, $18
        from r
       where id in (select id from free where status = 'pending') or id in (select id from fact)
          on conflict do nothing
    ), done as (
      update ${schema}.callback c
         set status = free.status, rev = c.rev + 1, last_http_status = ${common.httpStatus}, last_error = ${common.reason},
             due_at = case when not settles then least(clock_timestamp() + retry_ms * interval '1 ms', c.expires_at) end,
             settled_at = case when settles then clock_timestamp() end,
             dead_at = case free.status when 'dead' then clock_timestamp() end,
             last_started_at = case when settles then clock_timestamp() - started_us * interval '1 us' end,
             last_finished_at = case when settles then clock_timestamp() - finished_us * interval '1 us' end,
             last_epoch = case when settles then ${common.writtenEpoch} end,
             last_outcome = case when settles then ${common.outcome} end,
             last_attempt_error = case when settles then ${common.error} end,
             last_excerpt = case when settles then ${common.excerpt} end,
             last_relay = case when settles then $18 end
        from (select *, status <> 'pending' as settles from free) free
       where c.ctid = free.place and not leaves
      returning c.id, c.ordering_key, ${sentKey} as sent, c.settled_at, case when ${common.holdsUrl} then c.url end as gone
    )${
      deletes
        ? `, gone as (
      delete from ${schema}.callback c using free where c.ctid = free.place and leaves
      returning c.id, c.ordering_key, ${sentKey} as sent, clock_timestamp() as settled_at, null::text as gone
    ), old as materialized (
      select array(select id from free where leaves and attempt > 1) as ids
    )`
        : ''
    }
    -- The hold comes with its record: once, even if sent again, and never by a zombie. A unique index would wait for an
    -- operator's open transaction. The functions see what others have just committed.
    select done.id as "recordedId", done.sent as "recordedKey", next.*,
           case when done.gone is not null then ${schema}.hold_gone(done.gone, '410 Gone, callback ' || done.id, $18) end as held${deletes ? forgets : ''}
      from ${deletes ? '(select * from done union all select * from gone) done' : 'done'}
      left join lateral (
        select n.* from (${firstOfKey(schema, '$19::bigint', 'done.ordering_key', 'c.id <> done.id')}) n where done.settled_at is not null) next on true
     order by done.id`
  },
})

/**
 * Excludes a row that will be deleted as soon as it is not locked: the log must not have entries of it, since deleting
 * after a first attempt does not search the log.
 */
const waitsForRecord = `and not (r.status = 'delivered' and c.status = 'claimed' and c.attempts = r.attempt and c.claimed_epoch = r.epoch)`

const recordStatement = recording(false)
const deletingStatement = recording(true)

/** A row that was changed as decided. */
export interface Recorded {
  readonly orderingKey: string | null
  /** The first unsettled row of its key, if this row is settled; null: there is none. */
  readonly next: ShownRow | null
}

interface RecordedRow {
  readonly recordedId: string
  readonly recordedKey: string | null
  readonly held: boolean | null
  /** Only where delivered rows are deleted. */
  readonly forgotten?: unknown
  readonly id: string | null
}

/** The relay that records. */
export interface Writer {
  readonly relay: string
  /** The epoch of its present registration. */
  readonly epoch: string
}

/**
 * Records attempts, at most one per callback.
 *
 * @param now `performance.now()`, the clock of outcomes.
 * @param deletes `--keep-delivered 0`.
 * @returns the rows changed as decided, by id; `look` tells about the others.
 */
export async function record(
  session: Session,
  attempts: readonly Attempt[],
  { relay, epoch }: Writer,
  now: number,
  deletes = false,
): Promise<Map<string, Recorded>> {
  const endings: Ending[] = []
  const which = attempts.map(attempt => placeOf(endingOf(attempt), endings))
  const rows = await session.rows<RecordedRow & ShownRow>(deletes ? deletingStatement : recordStatement, [
    plainArray(attempts.map(a => a.id)),
    plainArray(attempts.map(a => a.messageId)),
    plainArray(attempts.map(a => a.attempt)),
    plainArray(attempts.map(a => a.rev)),
    plainArray(attempts.map(a => microseconds(now - a.outcome.startedAtMs))),
    plainArray(attempts.map(a => microseconds(now - a.outcome.finishedAtMs))),
    plainArray(attempts.map(a => (a.decision.status === 'pending' ? a.decision.retryInMs : null))),
    plainArray(which),
    endings.map(e => e.epoch),
    endings.map(e => e.writtenEpoch),
    endings.map(e => e.kind),
    endings.map(e => e.httpStatus),
    endings.map(e => e.error),
    endings.map(e => e.excerpt),
    endings.map(e => e.status),
    endings.map(e => e.reason),
    endings.map(e => e.holdsUrl),
    relay,
    epoch,
  ])
  return new Map(
    rows.map(({ recordedId, recordedKey, held, forgotten, ...next }) => [
      recordedId,
      { orderingKey: recordedKey, next: next.id === null ? null : next },
    ]),
  )
}

/** What attempts of a batch share. */
interface Ending {
  readonly epoch: string
  readonly writtenEpoch: string
  readonly kind: OutcomeKind
  readonly httpStatus: number | null
  readonly error: string | null
  readonly excerpt: string | null
  readonly status: Decision['status']
  readonly reason: string | null
  readonly holdsUrl: boolean
}

function endingOf({ epoch, writtenEpoch, outcome, decision }: Attempt): Ending {
  return {
    epoch,
    writtenEpoch,
    kind: outcome.kind,
    httpStatus: outcome.httpStatus,
    error: storable(outcome.error),
    excerpt: storable(outcome.responseExcerpt),
    status: decision.status,
    reason: decision.status === 'delivered' ? null : storable(decision.reason),
    holdsUrl: decision.status === 'dead' && decision.holdsUrl === true,
  }
}

/** The place in `endings`, from 1 as PostgreSQL counts. Adds a new one. */
function placeOf(ending: Ending, endings: Ending[]): number {
  const found = endings.findIndex(other => isSame(other, ending))
  return found < 0 ? endings.push(ending) : found + 1
}

function isSame(a: Ending, b: Ending): boolean {
  return (
    a.kind === b.kind &&
    a.httpStatus === b.httpStatus &&
    a.status === b.status &&
    a.error === b.error &&
    a.reason === b.reason &&
    a.excerpt === b.excerpt &&
    a.epoch === b.epoch &&
    a.writtenEpoch === b.writtenEpoch &&
    a.holdsUrl === b.holdsUrl
  )
}

/** Whole microseconds: shorter to write and to read. */
function microseconds(ms: number): number {
  return Math.round(ms * 1_000)
}

/** PostgreSQL's text cannot hold NUL. Lone surrogates become U+FFFD in UTF-8. */
function storable(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '')
}
