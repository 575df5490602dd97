import { PoolerError } from '../errors.ts'
import type { OwnedLane } from '../model.ts'
import type { LaneRow, RelayRow } from '../policy/lanes.ts'
import type { Session, Statement } from './session.ts'

/** What a relay says of itself when it takes a name. */
export interface Identity {
  readonly name: string
  readonly leaseMs: number
  readonly pid: number
  readonly host: string
  /** Boot id, PID namespace, start of the process. */
  readonly kernel: string
  readonly version: string
}

/** The process that held a name before. */
export interface Predecessor {
  readonly pid: number
  readonly kernel: string
  readonly leaseMs: number
}

const nameStatement: Statement = {
  name: 'ringback_name',
  text: schema => `select pg_try_advisory_lock(hashtextextended('ringback name ${schema} ' || $1, 0)) as locked`,
}

const predecessorStatement: Statement = {
  name: 'ringback_predecessor',
  text: schema =>
    `select pid, kernel, (extract(epoch from lease) * 1000)::float8 as "leaseMs" from ${schema}.relay where name = $1`,
}

const enrolStatement: Statement = {
  name: 'ringback_enrol',
  text: schema => `
    insert into ${schema}.relay (name, lease, pid, host, kernel, version)
    values ($1, $2 * interval '1 ms', $3, $4, $5, $6)
        on conflict (name) do update
       set incarnation = gen_random_uuid(), renewals = 0, started_at = clock_timestamp(), renewed_at = clock_timestamp(),
           lease = excluded.lease, pid = excluded.pid, host = excluded.host, kernel = excluded.kernel, version = excluded.version
    returning incarnation`,
}

const renewStatement: Statement = {
  name: 'ringback_renew',
  text: schema => `
    update ${schema}.relay set renewals = renewals + 1, renewed_at = clock_timestamp()
     where name = $1 and incarnation = $2
    returning pg_backend_pid() as pid, (extract(epoch from clock_timestamp()) * 1000)::float8 as "databaseMs"`,
}

const observeStatement: Statement = {
  name: 'ringback_observe',
  text: schema => `
    select (select json_agg(json_build_object('lane', id, 'epoch', epoch::text, 'owner', owner) order by id) from ${schema}.lane) as lanes,
           (select coalesce(json_agg(json_build_object('name', name, 'incarnation', incarnation, 'renewals', renewals::text,
                                                       'leaseMs', extract(epoch from lease) * 1000)), '[]') from ${schema}.relay) as relays`,
}

/**
 * Those of the lanes, given as two arrays, that still have the epoch they were seen with. Two relays may want the same lanes,
 * and a claim holds several: all lock them in the order of their ids.
 */
const unchanged = (schema: string, ids: string, epochs: string) => `unchanged as materialized (
      select l.id
        from ${schema}.lane l
        join unnest(${ids}::smallint[], ${epochs}::bigint[]) as seen (id, epoch) on l.id = seen.id and l.epoch = seen.epoch
       order by l.id
         for update of l
    )`

/** The new epoch makes this wait for a claim that is under way in the lane, and the claim's successor fail. */
const takeStatement: Statement = {
  name: 'ringback_take',
  text: schema => `
    with ${unchanged(schema, '$2', '$3')}
    update ${schema}.lane l set owner = $1, epoch = l.epoch + 1
      from unchanged
     where l.id = unchanged.id
    returning l.id as lane, l.epoch`,
}

/**
 * Of those that this role may end: to try others is an error, which would end none. Claims of relays whose logins have
 * nothing to do with this one's are ended by their own sessions' timeouts; see `settings.ts`.
 */
const blockersStatement: Statement = {
  name: 'ringback_blockers',
  text: `
    select pg_terminate_backend(a.pid)
      from pg_stat_activity a
      join pg_roles r on r.oid = a.usesysid
     where a.datname = current_database() and a.pid <> pg_backend_pid()
       and a.application_name like 'ringback claim %'
       and a.xact_start < clock_timestamp() - interval '2 s'
       and (pg_has_role(r.oid, 'USAGE') or pg_has_role('pg_signal_backend', 'USAGE'))
       and (not r.rolsuper or (select rolsuper from pg_roles where rolname = current_user))`,
}

const releaseStatement: Statement = {
  name: 'ringback_release',
  text: schema => `
    with ${unchanged(schema, '$1', '$2')}
    update ${schema}.lane l set owner = null, epoch = l.epoch + 1 from unchanged where l.id = unchanged.id`,
}

const buryStatement: Statement = {
  name: 'ringback_bury',
  text: schema => `
    delete from ${schema}.relay r
     using unnest($1::text[], $2::uuid[], $3::bigint[]) as dead (name, incarnation, renewals)
     where r.name = dead.name and r.incarnation = dead.incarnation and r.renewals = dead.renewals
    returning r.name`,
}

const leaveStatement: Statement = {
  name: 'ringback_leave',
  text: schema => `delete from ${schema}.relay where name = $1 and incarnation = $2`,
}

/** The name is held by this session's advisory lock from now on; false: another process has it. */
export async function lockName(session: Session, name: string): Promise<boolean> {
  const rows = await session.rows<{ locked: boolean }>(nameStatement, [name])
  return rows[0]?.locked === true
}

/** Who had the name last and did not leave in order. */
export async function predecessor(session: Session, name: string): Promise<Predecessor | undefined> {
  return (await session.rows<Predecessor>(predecessorStatement, [name]))[0]
}

/** Takes the name over; whoever had it cannot renew any more. Returns the new incarnation. */
export async function enrol(session: Session, me: Identity): Promise<string> {
  const rows = await session.rows<{ incarnation: string }>(enrolStatement, [
    me.name,
    me.leaseMs,
    me.pid,
    me.host,
    me.kernel,
    me.version,
  ])
  if (!rows[0]) throw new Error('enrolling returned no incarnation')
  return rows[0].incarnation
}

/** A renewal that was committed. */
export interface Renewal {
  /** The database's clock: Unix time in milliseconds. */
  readonly databaseMs: number
}

/**
 * undefined: another process has taken the name over, or buried it.
 *
 * @throws PoolerError when another session has answered than the one that holds our locks.
 */
export async function renew(session: Session, name: string, incarnation: string): Promise<Renewal | undefined> {
  const [row] = await session.rows<{ pid: number; databaseMs: number }>(renewStatement, [name, incarnation])
  if (row && row.pid !== session.pid) throw new PoolerError()
  return row && { databaseMs: row.databaseMs }
}

export interface Observation {
  readonly lanes: readonly LaneRow[]
  readonly relays: readonly RelayRow[]
}

export async function observe(session: Session): Promise<Observation> {
  const rows = await session.rows<Observation>(observeStatement)
  if (!rows[0]) throw new Error('observing returned nothing')
  return rows[0]
}

/** Takes those of the lanes that have not changed hands since they were seen. */
export async function takeLanes(session: Session, name: string, lanes: readonly LaneRow[]): Promise<OwnedLane[]> {
  return session.rows<OwnedLane>(takeStatement, [name, lanes.map(l => l.lane), lanes.map(l => l.epoch)])
}

/** Ends claims that have been stuck in their transaction for two seconds: their relay is dead or stopped. */
export async function endStuckClaims(session: Session): Promise<void> {
  await session.rows(blockersStatement)
}

export async function releaseLanes(session: Session, lanes: readonly OwnedLane[]): Promise<void> {
  await session.rows(releaseStatement, [lanes.map(l => l.lane), lanes.map(l => l.epoch)])
}

/**
 * Removes relays that were found dead, unless they have renewed meanwhile. Returns the names of those removed: only their
 * lanes may be taken, since nobody but them can still trust a lease.
 */
export async function bury(session: Session, relays: readonly RelayRow[]): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(buryStatement, [
    relays.map(r => r.name),
    relays.map(r => r.incarnation),
    relays.map(r => r.renewals),
  ])
  return rows.map(row => row.name)
}

export async function leave(session: Session, name: string, incarnation: string): Promise<void> {
  await session.rows(leaveStatement, [name, incarnation])
}
