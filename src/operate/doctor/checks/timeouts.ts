import { check, list, warning } from '../check.ts'
import { isRelayRole } from '../relay-role.ts'

interface Timeout {
  /** Where it is set, such as `role a`. */
  readonly of: string
  readonly name: string
  /** As written: `5s`, or a number of milliseconds. */
  readonly value: string
}

/**
 * In milliseconds. A relay's statement may wait two seconds for a lock, and may take a second itself when many rows
 * come.
 */
const least = 10_000

/** Settings of roles that may run a relay, of this database, and of the server. */
export const timeouts = check<readonly Timeout[]>({
  name: 'timeouts',
  /**
   * A role's settings hold when it logs in, and are not inherited. A superuser is left out, unless it is this session's
   * role.
   */
  read: session =>
    session.rows({
      name: 'ringback_timeouts',
      text: schema => `
        with found as (
          select case when s.setrole = 0 then 'this database' else 'role ' || r.rolname end as of,
                 split_part(entry, '=', 1) as name, split_part(entry, '=', 2) as value
            from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) entry
           where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))
             and (s.setrole = 0 or r.rolname = session_user or ${isRelayRole(schema)})
           union all
          select 'the server', name, reset_val from pg_settings where source in ('configuration file', 'command line')
        )
        select * from found
         where name in ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout')
         order by of, name`,
    }),
  judge(found) {
    const low = found.filter(({ value }) => {
      const ms = timeoutMs(value)
      return ms !== null && ms > 0 && ms < least
    })
    if (low.length === 0) return null
    return warning(
      `low timeouts hold where a relay may run: ${list(low.map(({ of, name, value }) => `${name} = ${value} for ${of}`))}`,
      "they end the relay's statements or sessions, and it has to begin again",
      `raise them for the relay's role to 10s or more, or set them to 0: ALTER ROLE ... SET ...`,
    )
  },
})

const msOf: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of a timeout in PostgreSQL's spelling: a number with a unit, or without one for milliseconds. null: not
 * readable.
 */
export function timeoutMs(text: string): number | null {
  const [, count = '', unit = ''] = /^\s*['"]?\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*['"]?\s*$/.exec(text) ?? []
  const factor = unit === '' ? 1 : msOf[unit]
  return count === '' || factor === undefined ? null : Number(count) * factor
}
