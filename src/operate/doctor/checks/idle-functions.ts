import { check, list, warning } from '../check.ts'

/**
 * Trigger functions that write callbacks, such as those of sql/examples, and that no trigger calls. An upgrade of the
 * scheduler that recreates a table silently drops its triggers.
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
      'changes of their tables write no callbacks; an upgrade of the scheduler may have recreated the tables without the triggers',
      'run the file that created them again, such as sql/examples/airflow.sql, or drop the functions',
    )
  },
})
