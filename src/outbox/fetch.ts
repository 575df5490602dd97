import type { WaitingCallback } from '../model.ts'
import { claimedPageEntries } from '../policy/tuning.ts'
import type { Session, Statement } from './session.ts'
import { isFree, keyOf, sentKey } from './sql.ts'

/** A row as the indexes list it: not settled, for now. */
export interface Listed extends WaitingCallback {
  /** null: nobody has claimed it. */
  readonly claimed: Claimed | null
}

/** Who has claimed a row, and when. */
export interface Claimed {
  readonly messageId: string
  readonly attempt: number
  readonly epoch: string
  /** That of the lane when the row was read. */
  readonly laneEpoch: string
  readonly attemptOfBudget: number
  readonly maxAttempts: number | null
  readonly msAgo: number
}

/** What a read found, and how far it came. */
export interface Page<Position> {
  readonly rows: Listed[]
  /** The last entry read, of whichever lane; where the next read goes on. null: there was nothing. */
  readonly reached: Position | null
  /** Index entries read; of fresh rows, without the overlap. */
  readonly read: number
}

/** Part of the index of fresh rows. */
export interface FreshRange {
  readonly overlapFrom: string
  readonly after: string
  readonly upTo: string
}

/** Place in the index of due rows. */
export interface DuePosition {
  readonly dueAt: string
  readonly id: string
}

/** Place in the index of parked rows. */
export interface ParkedPosition {
  readonly origin: string
  readonly id: string
}

/** Within a century: the owner of the table may write what he likes. */
const msAgo = `case when isfinite(c.claimed_at)
                  then least(greatest(extract(epoch from clock_timestamp() - c.claimed_at) * 1000, 0), 3e12) else 0 end`

/** Few: with a million rows each costs a second. What only a claimed row is asked for comes in one. */
const columns = (schema: string) => `
             c.id, c.lane, ${sentKey} as "orderingKey", c.origin,
             case c.status when 'claimed' then json_build_object(
               'messageId', c.message_id, 'attempt', c.attempts, 'epoch', c.claimed_epoch::text,
               'laneEpoch', (select l.epoch::text from ${schema}.lane l where l.id = c.lane), 'attemptOfBudget', c.attempts - c.budget_from, 'maxAttempts', c.max_attempts,
               'msAgo', ${msAgo}) end as claimed`

const freshColumns = (schema: string) => `${columns(schema)},
             0::float8 as "dueInMs", false as late, c.id::text as position, c.id as place`

const dueInMs = `((extract(epoch from c.due_at) - extract(epoch from clock_timestamp())) * 1000)::float8`

const dueColumns = (schema: string) => `${columns(schema)},
             ${dueInMs} as "dueInMs", true as late,
             json_build_object('dueAt', c.due_at, 'id', c.id::text) as position, row_number() over (order by c.due_at, c.id) as place`

/** For rows that are read by name: what is parked, or was never tried, could start at once. */
const standing = `
             case when c.due_at is null or c.due_at = 'infinity' then 0 else ${dueInMs} end as "dueInMs",
             c.due_at is not null as late`

/**
 * The end of a read is wanted even when no row of it is in my lanes: a relay that owns half of the lanes must not read the
 * other half's entries again and again. Hence `ground` is read whole, and the lanes are picked from it.
 */
const picked = (newGround = 'true', wanted = '') => `
    select ground.id, ground.lane, ground."orderingKey", ground.origin, ground.claimed, ground."dueInMs", ground.late,
           reach.read, reach.reached
      from (select (select count(*)::integer from ground where ${newGround}) as read,
                   (select ground.position from ground order by ground.place desc limit 1) as reached) reach
      left join ground on ground.lane = any ($2::smallint[]) ${wanted}`

/** $1 to $5 is read whole (it was read before, and rows may have become visible since), new ground up to the limit. */
const freshStatement: Statement = {
  name: 'ringback_fresh',
  text: schema => `
    with ground as materialized (
      (select ${freshColumns(schema)}
         from ${schema}.callback c
        where c.settled_at is null and c.due_at is null and c.id > $1::bigint and c.id <= $5::bigint)
      union all
      (select ${freshColumns(schema)}
         from ${schema}.callback c
        where c.settled_at is null and c.due_at is null and c.id > $5::bigint and c.id <= $4::bigint
        order by c.id
        limit $3)
    ) ${picked('place > $5::bigint')}`,
}

/** Why the horizon is of `statement_timestamp()`: see `planning` in settings.ts. */
const dueStatement: Statement = {
  name: 'ringback_due',
  text: schema => `
    with ground as materialized (
      select ${dueColumns(schema)}
        from ${schema}.callback c
       where c.due_at is not null and (c.due_at, c.id) > ($1::timestamptz, $4::bigint)
         and c.due_at <= statement_timestamp() + $5 * interval '1 ms'
       order by c.due_at, c.id
       limit $3
    ) ${picked()}`,
}

const freshEndStatement: Statement = {
  name: 'ringback_fresh_end',
  text: schema => `
    select c.id from ${schema}.callback c where c.settled_at is null and c.due_at is null order by c.id desc offset $1::bigint limit 1`,
}

/**
 * Nothing that the claim changes is in an index, so claimed rows can only be walked to: first through the fresh rows
 * by id, then through those with a due time. Whole pages of entries are read, and the claimed ones picked.
 */
const claimedFreshStatement: Statement = {
  name: 'ringback_claimed_fresh',
  text: schema => `
    with ground as materialized (
      select ${freshColumns(schema)}
        from ${schema}.callback c
       where c.settled_at is null and c.due_at is null and c.id > $1::bigint
       order by c.id
       limit $3
    ) ${picked('true', 'and ground.claimed is not null')}`,
}

const claimedDueStatement: Statement = {
  name: 'ringback_claimed_due',
  text: schema => `
    with ground as materialized (
      select ${dueColumns(schema)}
        from ${schema}.callback c
       where c.due_at is not null and (c.due_at, c.id) > ($1::timestamptz, $4::bigint)
       order by c.due_at, c.id
       limit $3
    ) ${picked('true', 'and ground.claimed is not null')}`,
}

const parkedStatement: Statement = {
  name: 'ringback_parked',
  text: schema => `
    with ground as materialized (
      select ${columns(schema)}, 0::float8 as "dueInMs", true as late,
             json_build_object('origin', c.origin, 'id', c.id::text) as position, row_number() over (order by c.origin, c.id) as place
        from ${schema}.callback c
       where c.due_at = 'infinity' and (c.origin, c.id) > ($1::text, $4::bigint)
         and ${isFree(schema)}
       order by c.origin, c.id
       limit $3
    ) ${picked()}`,
}

const byKeyStatement: Statement = {
  name: 'ringback_by_key',
  text: schema => `
    select ${columns(schema)}, ${standing}
      from (select ${keyOf('sent')} as key from unnest($1::text[]) as asked (sent)) wanted
     cross join lateral (
       select * from ${schema}.callback c
        where c.settled_at is null and c.ordering_key is not null
          and (c.ordering_key, c.id) >= (wanted.key, 0) and c.ordering_key <= wanted.key
        order by c.ordering_key, c.id
        limit $2) c`,
}

const byIdStatement: Statement = {
  name: 'ringback_by_id',
  text: schema => `
    select ${columns(schema)}, ${standing}
      from ${schema}.callback c
     where c.id = any ($1::bigint[]) and c.settled_at is null`,
}

/** Before the first entry of each index, and behind the last id. */
export const freshStart = '0'
export const dueStart: DuePosition = { dueAt: '-infinity', id: '0' }
export const parkedStart: ParkedPosition = { origin: '', id: '0' }
export const noEnd = '9223372036854775807'

/**
 * Never-tried rows: those with `overlapFrom < id <= after` whole, then up to `limit` of those with `after < id <= upTo`, in
 * the order of their ids.
 */
export function readFresh(
  session: Session,
  lanes: readonly number[],
  range: FreshRange,
  limit: number,
): Promise<Page<string>> {
  return read(session, freshStatement, [range.overlapFrom, lanes, limit, range.upTo, range.after])
}

/** Delayed, retried and replayed rows that are due within `horizonMs`, in the order of their due times. */
export function readDue(
  session: Session,
  lanes: readonly number[],
  after: DuePosition,
  horizonMs: number,
  limit: number,
): Promise<Page<DuePosition>> {
  return read(session, dueStatement, [after.dueAt, lanes, limit, after.id, horizonMs])
}

/** Parked rows that no hold stops, by origin and id. */
export function readParked(
  session: Session,
  lanes: readonly number[],
  after: ParkedPosition,
  limit: number,
): Promise<Page<ParkedPosition>> {
  return read(session, parkedStatement, [after.origin, lanes, limit, after.id])
}

/** The place in the index of fresh rows behind which so many are left; null when it has no more than those. */
export async function readFreshEnd(session: Session, left: number): Promise<string | null> {
  const rows = await session.rows<{ id: string }>(freshEndStatement, [left])
  return rows[0]?.id ?? null
}

/** Place in the search for claimed rows: it goes through the fresh ones by id, then through those with a due time. */
export type ClaimedPlace = { readonly fresh: string } | { readonly due: DuePosition }

export const claimedStart: ClaimedPlace = { fresh: freshStart }

/** Claimed rows among the next twenty thousand; `next` is null at the end. */
export async function readClaimed(
  session: Session,
  lanes: readonly number[],
  place: ClaimedPlace,
): Promise<{ readonly rows: Listed[]; readonly next: ClaimedPlace | null }> {
  if ('fresh' in place) {
    const values = [place.fresh, lanes, claimedPageEntries]
    const { rows, reached, read: seen } = await read<string>(session, claimedFreshStatement, values)
    const isEnd = reached === null || seen < claimedPageEntries
    return { rows, next: isEnd ? { due: dueStart } : { fresh: reached } }
  }
  const values = [place.due.dueAt, lanes, claimedPageEntries, place.due.id]
  const { rows, reached, read: seen } = await read<DuePosition>(session, claimedDueStatement, values)
  return { rows, next: reached === null || seen < claimedPageEntries ? null : { due: reached } }
}

/** The first unsettled rows of each key. */
export function readKeys(session: Session, keys: readonly string[], limitEach: number): Promise<Listed[]> {
  return session.rows<Listed>(byKeyStatement, [keys, limitEach])
}

/** These rows, as far as they are unsettled. */
export function readIds(session: Session, ids: readonly string[]): Promise<Listed[]> {
  return session.rows<Listed>(byIdStatement, [ids])
}

async function read<Position>(session: Session, statement: Statement, values: unknown[]): Promise<Page<Position>> {
  const answer = await session.rows<Listed & { read: number; reached: Position | null }>(statement, values)
  const first = answer[0]
  if (!first) throw new Error(`${statement.name} answered with no row, not even its end`)
  return { rows: answer.filter(row => row.id !== null), reached: first.reached, read: first.read }
}
