import { check, list, warning } from '../check.ts'
import { isRelayRole } from '../relay-role.ts'

/**
 * How many connections the roles that may run a relay, and this database, may have. Those without a limit are left out.
 */
type Limits = readonly { readonly of: string; readonly limit: number }[]

/** A relay has four sessions and the listener. */
const needed = 5

export const connectionLimit = check<Limits>({
  name: 'connection-limit',
  read: session =>
    session.rows({
      name: 'ringback_connection_limits',
      text: schema => `
        select 'role ' || r.rolname as of, r.rolconnlimit::float8 as limit from pg_roles r where r.rolconnlimit >= 0 and ${isRelayRole(schema)}
         union all
        select 'this database', datconnlimit::float8 from pg_database where datname = current_database() and datconnlimit >= 0
         order by 1`,
    }),
  judge(limits) {
    const low = limits.filter(each => each.limit < needed)
    if (low.length === 0) return null
    return warning(
      `fewer connections are allowed than a relay needs (${needed}): ${list(low.map(({ of, limit }) => `${limit} for ${of}`))}`,
      'the relay cannot start',
      'ALTER ROLE ... CONNECTION LIMIT, ALTER DATABASE ... CONNECTION LIMIT',
    )
  },
})
