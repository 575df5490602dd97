import type { Session, Statement } from '../session.ts'

/** The server as the relay meets it. Ages in seconds of the database's clock, or in transaction ids where PostgreSQL keeps no time. */
export interface ServerFacts {
  readonly isStandby: boolean
  readonly settings: Settings
  /** 0 to 1. */
  readonly queueUsage: number
  /** Prepared transactions of this database, the oldest first. */
  readonly prepared: readonly { readonly gid: string; readonly owner: string; readonly seconds: number }[]
  /** Slots and standbys that keep dead rows from being removed. */
  readonly distant: readonly Distant[]
  /** Settings of roles that may run a relay, of this database, and of the server. */
  readonly timeouts: readonly Timeout[]
  /** Standbys that are connected. */
  readonly standbys: number
  /** Sessions whose commit waits for a synchronous standby, as far as this role sees them. */
  readonly waitingCommits: { readonly count: number; readonly seconds: number }
  /** Age of the oldest transaction id of all databases, and which it is; at 2^31 the server refuses to write. */
  readonly oldestDatabase: { readonly name: string; readonly xidAge: number }
  /** Roles that may run a relay, and this database, with the connections that they may have; without a limit they are not here. */
  readonly connectionLimits: readonly { readonly of: string; readonly limit: number }[]
}

export interface Settings {
  readonly max_prepared_transactions: string
  readonly autovacuum: string
  readonly track_counts: string
  readonly fsync: string
  readonly full_page_writes: string
  readonly synchronous_standby_names: string
}

/** A transaction that has an id or a snapshot. */
export interface OpenTransaction {
  readonly pid: number
  readonly application: string
  readonly role: string
  readonly state: string
  readonly seconds: number
}

export interface Distant {
  /** Such as `replication slot a` or `standby b`. */
  readonly name: string
  readonly isActive: boolean
  /** In transaction ids. */
  readonly xminAge: number
}

export interface Timeout {
  /** Whom it holds for, such as `role a`. */
  readonly of: string
  readonly name: string
  /** As written: `5s`, or a number of milliseconds. */
  readonly value: string
}

const settingsStatement: Statement = {
  name: 'ringback_settings',
  text: `
    select jsonb_object_agg(name, setting) as settings from pg_settings
     where name in ('max_prepared_transactions', 'autovacuum', 'track_counts', 'fsync', 'full_page_writes', 'synchronous_standby_names')`,
}

const stateStatement: Statement = {
  name: 'ringback_server_state',
  text: `select pg_is_in_recovery() as standby, pg_notification_queue_usage() as usage`,
}

const preparedStatement: Statement = {
  name: 'ringback_prepared',
  text: `
    select gid, owner, extract(epoch from clock_timestamp() - prepared)::float8 as seconds
      from pg_prepared_xacts where database = current_database() order by prepared limit 20`,
}

/** xmin alone: a logical slot's catalog_xmin keeps rows of the system's catalogs only. */
const distantStatement: Statement = {
  name: 'ringback_distant',
  text: `
    select 'replication slot ' || slot_name as name, active as "isActive", age(xmin) as "xminAge"
      from pg_replication_slots where xmin is not null
     union all
    select 'standby ' || application_name, true, age(backend_xmin) from pg_stat_replication where backend_xmin is not null
     order by 3 desc limit 20`,
}

/** Rows of `pg_stat_replication` are shown to every role, their columns are not. */
const commitsStatement: Statement = {
  name: 'ringback_commits',
  text: `
    select (select count(*) from pg_stat_replication)::float8 as standbys, count(*)::float8 as count,
           coalesce(max(extract(epoch from clock_timestamp() - state_change)), 0)::float8 as seconds
      from pg_stat_activity where wait_event = 'SyncRep'`,
}

const oldestDatabaseStatement: Statement = {
  name: 'ringback_oldest_database',
  text: `
    select datname::text as name, age(datfrozenxid)::float8 as "xidAge" from pg_database order by age(datfrozenxid) desc limit 1`,
}

/** Roles that log in and may run a relay. A superuser has no limit, and is a member of all roles. */
const relayRole = `
  r.rolcanlogin and not r.rolsuper and exists (
    select from pg_roles w where w.rolname = 'outbox_relay' and pg_has_role(r.oid, w.oid, 'MEMBER'))`

const connectionLimitsStatement: Statement = {
  name: 'ringback_connection_limits',
  text: `
    select 'role ' || r.rolname as of, r.rolconnlimit::float8 as limit from pg_roles r where r.rolconnlimit >= 0 and ${relayRole}
     union all
    select 'this database', datconnlimit::float8 from pg_database where datname = current_database() and datconnlimit >= 0
     order by 1`,
}

/** A role's settings hold when it logs in and are not inherited; a superuser is a member of all roles, so only ours is meant. */
const timeoutsStatement: Statement = {
  name: 'ringback_timeouts',
  text: `
    with found as (
      select case when s.setrole = 0 then 'this database' else 'role ' || r.rolname end as of,
             split_part(entry, '=', 1) as name, split_part(entry, '=', 2) as value
        from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) entry
       where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))
         and (s.setrole = 0 or r.rolname = session_user or ${relayRole})
       union all
      select 'the server', name, reset_val from pg_settings where source in ('configuration file', 'command line')
    )
    select * from found
     where name in ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout')
     order by of, name`,
}

const transactionsStatement: Statement = {
  name: 'ringback_transactions',
  text: `
    select pid, coalesce(application_name, '') as application, coalesce(usename::text, '') as role, coalesce(state, '') as state,
           extract(epoch from clock_timestamp() - xact_start)::float8 as seconds
      from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'
       and xact_start is not null and (backend_xmin is not null or backend_xid is not null)
     order by xact_start limit 20`,
}

const hiddenStatement: Statement = {
  name: 'ringback_hidden',
  text: `
    select (select count(*) from pg_stat_activity where datname = current_database() and query = '<insufficient privilege>')::float8
         + (select count(*) from pg_stat_replication where state is null)::float8 as count`,
}

const locksStatement: Statement = {
  name: 'ringback_table_locks',
  text: `
    select c.relname::text as table, l.mode, l.pid, coalesce(a.application_name, '') as application, coalesce(a.usename::text, '') as role,
           coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as seconds
      from pg_locks l
      join pg_class c on c.oid = l.relation and c.relnamespace = (select oid from pg_namespace where nspname = 'outbox')
      left join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'relation' and l.granted and l.database = (select oid from pg_database where datname = current_database())
       and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') and l.pid <> pg_backend_pid()
     order by a.xact_start limit 20`,
}

/** A lock of somebody else on one of the tables, as a whole. */
export interface TableLock {
  readonly table: string
  /** As in `pg_locks`. */
  readonly mode: string
  readonly pid: number
  readonly application: string
  readonly role: string
  /** How old its transaction is. */
  readonly seconds: number
}

/** Locks that a claim or a record, or anything at all, has to wait for. */
export function readTableLocks(session: Session): Promise<TableLock[]> {
  return session.rows(locksStatement)
}

export async function readServer(session: Session): Promise<ServerFacts> {
  const [state] = await session.rows<{ standby: boolean; usage: number }>(stateStatement)
  const [found] = await session.rows<{ settings: Settings }>(settingsStatement)
  const [commits] = await session.rows<{ standbys: number; count: number; seconds: number }>(commitsStatement)
  const [oldestDatabase] = await session.rows<ServerFacts['oldestDatabase']>(oldestDatabaseStatement)
  if (!state || !found || !commits || !oldestDatabase) throw new Error('these statements must return a row each')
  return {
    isStandby: state.standby,
    queueUsage: state.usage,
    settings: found.settings,
    prepared: await session.rows(preparedStatement),
    distant: await session.rows(distantStatement),
    timeouts: await session.rows(timeoutsStatement),
    standbys: commits.standbys,
    waitingCommits: { count: commits.count, seconds: commits.seconds },
    oldestDatabase,
    connectionLimits: await session.rows(connectionLimitsStatement),
  }
}

/** The transactions of this database other than ours, the oldest first. */
export function readTransactions(session: Session): Promise<OpenTransaction[]> {
  return session.rows(transactionsStatement)
}

/** Sessions of other roles whose transactions are not shown to this one. */
export async function countHidden(session: Session): Promise<number> {
  return (await session.rows<{ count: number }>(hiddenStatement))[0]?.count ?? 0
}
