import { check, fault, list, spell } from '../check.ts'

/** Another session's lock on a whole table, for which a claim or a record must wait. */
interface TableLock {
  readonly table: string
  /** As in `pg_locks`. */
  readonly mode: string
  readonly pid: number
  readonly application: string
  readonly role: string
  /** How old its transaction is. */
  readonly seconds: number
}

/** Seconds that a table may be locked. */
const patience = 5

export const tableLocks = check<readonly TableLock[]>({
  name: 'table-locks',
  read: session =>
    session.rows({
      name: 'ringback_table_locks',
      text: schema => `
        select c.relname::text as table, l.mode, l.pid, coalesce(a.application_name, '') as application, coalesce(a.usename::text, '') as role,
               coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as seconds
          from pg_locks l
          join pg_class c on c.oid = l.relation and c.relnamespace = (select oid from pg_namespace where nspname = '${schema}')
          left join pg_stat_activity a on a.pid = l.pid
         where l.locktype = 'relation' and l.granted and l.database = (select oid from pg_database where datname = current_database())
           and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') and l.pid <> pg_backend_pid()
         order by a.xact_start limit 20`,
    }),
  judge(locks) {
    const old = locks.filter(each => each.seconds > patience)
    if (old.length === 0) return null
    const named = old.map(
      each =>
        `pid ${each.pid} (${each.application || 'unnamed'}, ${each.role}) has ${each.mode} on ${each.table} for ${spell(each.seconds)}`,
    )
    return fault(
      `a table is locked: ${list(named)}`,
      'the relay cannot claim or record until the lock is gone',
      'end that transaction with pg_terminate_backend(pid), or wait for it',
    )
  },
})
