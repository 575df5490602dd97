import type { Session } from '../../../outbox/session.ts'
import { check, list, rowOf, spell, warning } from '../check.ts'

/** Another session's transaction in this database that has an id or a snapshot. */
interface OpenTransaction {
  readonly pid: number
  readonly application: string
  readonly role: string
  readonly state: string
  readonly seconds: number
}

/** Seconds that a transaction may stay open. */
const patience = 300

export const openTransactions = check<readonly OpenTransaction[]>({
  name: 'open-transactions',
  read: session =>
    session.rows({
      name: 'ringback_transactions',
      text: `
        select pid, coalesce(application_name, '') as application, coalesce(usename::text, '') as role, coalesce(state, '') as state,
               extract(epoch from clock_timestamp() - xact_start)::float8 as seconds
          from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'
           and xact_start is not null and (backend_xmin is not null or backend_xid is not null)
         order by xact_start limit 20`,
    }),
  judge(transactions) {
    const old = transactions.filter(each => each.seconds > patience)
    if (old.length === 0) return null
    const named = old.map(
      each =>
        `pid ${each.pid} (${each.application || 'unnamed'}, ${each.role}, ${each.state}) for ${spell(each.seconds)}`,
    )
    return warning(
      `transactions stay open: ${list(named)}`,
      'dead rows cannot be removed meanwhile, so fetching gets slower, and callbacks that they have written are not visible',
      'end them with pg_terminate_backend(pid), or run reports and dumps on a standby',
    )
  },
})

/** Sessions of other roles whose transactions this role may not see. */
export async function countHidden(session: Session): Promise<number> {
  const { count } = await rowOf<{ count: number }>(
    session,
    'ringback_hidden',
    `select (select count(*) from pg_stat_activity where datname = current_database() and query = '<insufficient privilege>')::float8
          + (select count(*) from pg_stat_replication where state is null)::float8 as count`,
  )
  return count
}
