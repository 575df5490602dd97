import type { Session, Statement } from './session.ts'
import { isRow, workMs } from './sql.ts'

/** How long settled callbacks are kept, in milliseconds; null: for ever. */
export interface Kept {
  readonly deliveredMs: number | null
  /** For cancelled callbacks, too. */
  readonly deadMs: number | null
}

/** A place in the index of settled callbacks. */
export interface SettledPlace {
  /** As PostgreSQL writes it, to the microsecond. */
  readonly reachedAt: string
  readonly reachedId: string
}

/** A run under way: which callbacks it deletes, and how far it has come. Times are as PostgreSQL writes them. */
export interface JanitorRun extends SettledPlace {
  readonly id: string
  readonly deliveredBefore: string | null
  readonly deadBefore: string | null
}

/** The newest run. */
export interface NewestRun extends JanitorRun {
  /** It was begun with the present retention settings. */
  readonly isSame: boolean
  /** null: it is running. */
  readonly endedMsAgo: number | null
  readonly busyMs: number
}

/** The result of one batch. */
export interface JanitorBatch extends SettledPlace {
  /** Index entries read. */
  readonly walked: number
  readonly deleted: number
  /** Time that the server worked, without the commit and the network, in milliseconds. */
  readonly workMs: number
  /** The run is over. */
  readonly isEnd: boolean
}

/** How long runs are kept. */
const remembered = `interval '7 days'`
/**
 * If one of the ages is `never`, a run begins this long before the end of the last one. It then finds rows that were
 * locked at that time, or committed late.
 */
const lookBack = `interval '1 day'`

const lockKey = (schema: string) => `hashtextextended('ringback janitor ${schema}', 0)`

const lockStatement: Statement = {
  name: 'ringback_janitor_lock',
  text: schema => `select pg_try_advisory_lock(${lockKey(schema)}) as got`,
}

const unlockStatement: Statement = {
  name: 'ringback_janitor_unlock',
  text: schema => `select pg_advisory_unlock(${lockKey(schema)})`,
}

const place = `r.reached_at::text as "reachedAt", r.reached_id as "reachedId"`
const run = `r.id, r.delivered_before::text as "deliveredBefore", r.dead_before::text as "deadBefore", ${place}`
const age = (ms: string) => `${ms}::float8 * interval '1 ms'`

const newestStatement: Statement = {
  name: 'ringback_janitor_newest',
  text: schema => `
    select ${run}, (r.keep_delivered, r.keep_dead) is not distinct from (${age('$1')}, ${age('$2')}) as "isSame",
           (extract(epoch from clock_timestamp() - r.ended_at) * 1000)::float8 as "endedMsAgo", (extract(epoch from r.busy) * 1000)::float8 as "busyMs"
      from ${schema}.janitor_run r
     order by r.id desc
     limit 1`,
}

const takeUpStatement: Statement = {
  name: 'ringback_janitor_take_up',
  text: schema => `update ${schema}.janitor_run r set relay = $2 where r.id = $1`,
}

/**
 * A run starts with the oldest row and skips rows that are kept longer, normally few. If one kind is kept for ever,
 * these would be all of history, so the run starts where the last one with these ages ended.
 */
const beginStatement: Statement = {
  name: 'ringback_janitor_begin',
  text: schema => `
    with forgotten as (
      delete from ${schema}.janitor_run where started_at < clock_timestamp() - ${remembered}
    ), outlived as (
      -- The oldest acts have the lowest ids. Each run deletes at most 1000, so that no run takes long.
      delete from ${schema}.operation
       where id = any (array(select id from ${schema}.operation order by id limit 1000)) and acted_at < clock_timestamp() - ${age('$3')}
    ), abandoned as (
      update ${schema}.janitor_run set ended_at = clock_timestamp(), error = 'given up for a run with other ages' where ended_at is null
    ), former as (
      select greatest(r.delivered_before, r.dead_before) - ${lookBack} as reached_at
        from ${schema}.janitor_run r
       where r.ended_at is not null and r.error is null and num_nulls($2::float8, $3::float8) = 1
         and (r.keep_delivered, r.keep_dead) is not distinct from (${age('$2')}, ${age('$3')})
       order by r.id desc
       limit 1
    )
    insert into ${schema}.janitor_run as r (relay, keep_delivered, keep_dead, delivered_before, dead_before, reached_at)
    select $1, ${age('$2')}, ${age('$3')}, clock_timestamp() - ${age('$2')}, clock_timestamp() - ${age('$3')},
           coalesce((select reached_at from former), '-infinity')
    returning ${run}`,
}

/**
 * One batch, in its own transaction, with the place of the run. The bounds are parameters, so that one index scan
 * serves them. Locked rows are left for the next run.
 */
const batchStatement: Statement = {
  name: 'ringback_janitor_batch',
  text: schema => `
    with walked as materialized (
      select c.id, c.settled_at, c.status = 'delivered' and c.settled_at < $4::timestamptz or c.status <> 'delivered' and c.settled_at < $5::timestamptz as is_old
        from ${schema}.callback c
       where c.settled_at is not null and (c.settled_at, c.id) > ($2::timestamptz, $3::bigint)
         and c.settled_at < greatest($4::timestamptz, $5::timestamptz)
       order by c.settled_at, c.id
       limit $6
    ), free as materialized (
      -- Checked again on the locked row: a replay may have committed since the walk.
      select c.id
        from walked w join ${schema}.callback c on ${isRow('w.id')}
       where w.is_old and c.settled_at is not distinct from w.settled_at
         for update of c skip locked
    ), gone as (
      delete from ${schema}.callback c using free where ${isRow('free.id')} returning c.id
    ), counted as materialized (
      select (select count(*)::integer from walked) as walked, (select count(*)::integer from gone) as deleted,
             ${schema}.forget_attempts(array(select id from gone)) as forgotten
    )
    update ${schema}.janitor_run r
       set reached_at = coalesce(last.settled_at, r.reached_at), reached_id = coalesce(last.id, r.reached_id), deleted = r.deleted + counted.deleted,
           busy = r.busy + (clock_timestamp() - statement_timestamp()), ended_at = case when counted.walked < $6 then clock_timestamp() end
      from counted left join (select id, settled_at from walked order by settled_at desc, id desc limit 1) last on true
     where r.id = $1
    returning counted.walked, counted.deleted, ${workMs}, r.ended_at is not null as "isEnd", ${place}`,
}

const failStatement: Statement = {
  name: 'ringback_janitor_fail',
  text: schema =>
    `update ${schema}.janitor_run set ended_at = clock_timestamp(), error = $2 where id = $1 and ended_at is null`,
}

/** Makes this session's relay the only janitor; false: another one is. Never waits. */
export async function lockJanitor(session: Session): Promise<boolean> {
  const [row] = await session.rows<{ got: boolean }>(lockStatement)
  return row?.got === true
}

/** This session's relay is no longer the janitor. A run it has begun is left to the next one. */
export async function unlockJanitor(session: Session): Promise<void> {
  await session.rows(unlockStatement)
}

/** undefined: there was none of late. */
export async function newestRun(session: Session, kept: Kept): Promise<NewestRun | undefined> {
  const [row] = await session.rows<NewestRun>(newestStatement, [kept.deliveredMs, kept.deadMs])
  return row
}

/** Continues a run that another relay, or another process of this name, has left. */
export async function takeUpRun(session: Session, id: string, relay: string): Promise<void> {
  await session.rows(takeUpStatement, [id, relay])
}

/** Begins a run. A run that has not ended is given up. */
export async function beginRun(session: Session, relay: string, kept: Kept): Promise<JanitorRun> {
  const [row] = await session.rows<JanitorRun>(beginStatement, [relay, kept.deliveredMs, kept.deadMs])
  if (!row) throw new Error('an insert of one row must return a row')
  return row
}

/**
 * Deletes the old ones among the next settled callbacks, with their attempts.
 *
 * @param limit most index entries to read.
 * @returns undefined: the row of the run was deleted.
 */
export async function deleteBatch(session: Session, run: JanitorRun, limit: number): Promise<JanitorBatch | undefined> {
  const { id, reachedAt, reachedId, deliveredBefore, deadBefore } = run
  const [row] = await session.rows<JanitorBatch>(batchStatement, [
    id,
    reachedAt,
    reachedId,
    deliveredBefore,
    deadBefore,
    limit,
  ])
  return row
}

/** Ends a run with this reason. */
export async function failRun(session: Session, id: string, reason: string): Promise<void> {
  await session.rows(failStatement, [id, reason])
}
