import { check, list, warning } from '../check.ts'

/**
 * Functions that write callbacks for a scheduler's tables, as those of sql/examples, and that no trigger calls any more: an
 * upgrade that makes a table anew drops its triggers without a word.
 */
export const idleFunctions = check<readonly string[]>({
  name: 'idle-trigger-functions',
  async read(session) {
    const rows = await session.rows<{ name: string }>({
      name: 'ringback_idle_functions',
      text: schema => `
        select format('%s.%s', n.nspname, p.proname) as name
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where p.prorettype = 'pg_catalog.trigger'::regtype and n.nspname <> '${schema}' and strpos(p.prosrc, '${schema}.') > 0
           and not exists (select from pg_trigger g where g.tgfoid = p.oid and g.tgenabled in ('O', 'A'))
         order by 1`,
    })
    return rows.map(({ name }) => name)
  },
  judge(functions) {
    if (functions.length === 0) return null
    return warning(
      `functions that write callbacks, and that no enabled trigger calls: ${list(functions)}`,
      'what their tables go through is told to nobody; an upgrade of the scheduler may have made the tables anew',
      'run the file anew that made them, such as sql/examples/airflow.sql, or drop them',
    )
  },
})
