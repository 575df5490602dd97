import { PoolerError } from '../errors.ts'
import type { Session, Statement } from './session.ts'

/** What a relay writes when it registers. */
export interface Identity {
  /**
   * 63 random bits, in decimal: unlike a sequence, they cannot repeat after a failover that lost the sequence's
   * advances.
   */
  readonly epoch: string
  readonly node: string
  readonly process: string
  readonly name: string
  readonly leaseMs: number
  readonly pid: number
  readonly host: string
  /** Boot id, PID namespace and start time of the process. */
  readonly kernel: string
  readonly version: string
  /** Unix time in milliseconds, by the relay's own clock. */
  readonly startedAtMs: number
  /** `--force-settings`: its settings count as those of most relays. */
  readonly forces: boolean
}

/** What a relay writes with each renewal. */
export interface Pulse {
  readonly serving: boolean
  /** Origins of which it knows callbacks. */
  readonly origins: number
  /** Digest of the settings that it uses. */
  readonly digest: string
  /** Digest of the settings that it was given last; null: it leaves. */
  readonly wanted: string | null
  /** JSON of the settings in the digest; secrets as an HMAC. */
  readonly settings: string
  /** Why it stands by; null: it serves, or is not able to. */
  readonly standby: string | null
}

type Seen = 'epoch' | 'node' | 'process' | 'name' | 'pid' | 'kernel' | 'leaseMs' | 'startedAtMs' | 'forces'

/** A registration as other relays see it. */
export interface Registration extends Pick<Identity, Seen>, Pick<Pulse, 'digest' | 'wanted'> {
  readonly renewals: string
  /** It serves or stands by: it is not leaving, and none of its claims is stuck. */
  readonly isAble: boolean
}

/** A committed renewal. */
export interface Renewal {
  /** Those of the given epochs that are registered. */
  readonly renewed: readonly string[]
  readonly registrations: readonly Registration[]
  /** The database's clock: Unix time in milliseconds. */
  readonly databaseMs: number
}

const registerStatement: Statement = {
  name: 'ringback_register',
  text: schema => `
    with registered as (
      insert into ${schema}.relay (epoch, node, process, name, lease, pid, host, kernel, version)
      values ($1, $2, $3, $4, $5 * interval '1 ms', $6, $7, $8, $9)
    )
    insert into ${schema}.pulse (epoch, started_at, forces, serving, digest, wanted, settings, standby)
    values ($1, to_timestamp($10::float8 / 1000), $11, $12, $13, $14, $15::json, $16)`,
}

/** Renews the pulses of former registrations, too. Those do not serve. */
const renewStatement: Statement = {
  name: 'ringback_renew',
  text: schema => `
    with renewed as (
      update ${schema}.pulse p
         set renewals = p.renewals + 1, renewed_at = clock_timestamp(), serving = $3 and p.epoch = $1::bigint, origins = $4,
             digest = $5, wanted = $6, settings = $7::json, standby = $8
        from ${schema}.relay r
       where p.epoch = any ($1::bigint || $2::bigint[]) and r.epoch = p.epoch
      returning p.epoch
    )
    select pg_backend_pid() as pid, (extract(epoch from clock_timestamp()) * 1000)::float8 as "databaseMs",
           (select coalesce(json_agg(epoch::text), '[]') from renewed) as renewed,
           (select coalesce(json_agg(json_build_object(
                     'epoch', r.epoch::text, 'node', r.node, 'process', r.process, 'name', r.name, 'pid', r.pid, 'kernel', r.kernel,
                     'leaseMs', extract(epoch from r.lease) * 1000, 'startedAtMs', extract(epoch from p.started_at) * 1000,
                     'renewals', p.renewals::text, 'isAble', p.serving or p.standby is not null, 'digest', p.digest, 'wanted', p.wanted, 'forces', p.forces)), '[]')
              from ${schema}.relay r join ${schema}.pulse p on p.epoch = r.epoch) as registrations`,
}

/**
 * Locks the pulse first, so a renewal that is under way wins. Deletes the registration then, which waits for claims
 * that are under way.
 */
const buryStatement: Statement = {
  name: 'ringback_bury',
  text: schema => `
    with still as materialized (
      select p.epoch from ${schema}.pulse p where p.epoch = $1::bigint and ($2::bigint is null or p.renewals = $2) for update
    ), buried as (
      delete from ${schema}.relay r where r.epoch = any (array(select epoch from still)) returning r.epoch
    )
    delete from ${schema}.pulse p where p.epoch = any (array(select epoch from still)) and (select count(*) from buried) >= 0
    returning p.epoch`,
}

/**
 * Only sessions that this role may end: trying another one is an error, and then none would end. Sessions of relays
 * with unrelated logins end by their own timeouts; see `settings.ts`.
 */
const endStuckStatement: Statement = {
  name: 'ringback_end_stuck',
  text: `
    select pg_terminate_backend(a.pid)
      from pg_stat_activity a
      join pg_roles r on r.oid = a.usesysid
     where a.datname = current_database() and a.pid <> pg_backend_pid()
       and a.application_name like 'ringback % ' || $1::text || ' %'
       and (pg_has_role(r.oid, 'USAGE') or pg_has_role('pg_signal_backend', 'USAGE'))
       and (not r.rolsuper or (select rolsuper from pg_roles where rolname = current_user))`,
}

const nameStatement: Statement = {
  name: 'ringback_application_name',
  text: `select set_config('application_name', $1, false)`,
}

export async function register(session: Session, me: Identity, pulse: Pulse): Promise<void> {
  const { epoch, node, process, name, leaseMs, pid, host, kernel, version, startedAtMs, forces } = me
  const { serving, digest, wanted, settings, standby } = pulse
  const identity = [epoch, node, process, name, leaseMs, pid, host, kernel, version, startedAtMs, forces]
  await session.rows(registerStatement, [...identity, serving, digest, wanted, settings, standby])
}

/**
 * Renews, and reads all registrations, in one round trip.
 *
 * @param former registrations that may still have callbacks under way.
 * @throws PoolerError when another session answers.
 */
export async function renew(
  session: Session,
  epoch: string,
  former: readonly string[],
  pulse: Pulse,
): Promise<Renewal> {
  const { serving, origins, digest, wanted, settings, standby } = pulse
  const values = [epoch, former, serving, origins, digest, wanted, settings, standby]
  const [row] = await session.rows<Renewal & { pid: number }>(renewStatement, values)
  if (!row) throw new Error('a select without a table must return a row')
  if (row.pid !== session.pid) throw new PoolerError()
  return row
}

/**
 * Removes a registration: no more claims under it, and an heir judges its claimed rows.
 *
 * @param renewals as last seen; null: any, for an own registration.
 * @returns false: renewed meanwhile, or gone.
 */
export async function bury(session: Session, epoch: string, renewals: string | null): Promise<boolean> {
  return (await session.rows(buryStatement, [epoch, renewals])).length > 0
}

/** Ends the sessions that claim under this registration, one of which is stuck in its transaction. */
export async function endStuckClaims(session: Session, epoch: string): Promise<void> {
  await session.rows(endStuckStatement, [epoch])
}

/**
 * Writes the registration into the name of a claiming session. PostgreSQL cuts the name at 63 bytes, so the relay's
 * name comes last.
 */
export async function labelSession(session: Session, purpose: string, epoch: string, relay: string): Promise<void> {
  await session.rows(nameStatement, [`ringback ${purpose} ${epoch} ${relay}`])
}
