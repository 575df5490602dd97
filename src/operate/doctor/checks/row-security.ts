import { check, fault, list } from '../check.ts'
import { isOurTable } from '../tables.ts'

/** Tables with row level security. */
export const rowSecurity = check<readonly { readonly table: string }[]>({
  name: 'row-security',
  read: session =>
    session.rows({
      name: 'ringback_row_security_tables',
      text: schema =>
        `select c.relname::text as table from pg_class c where c.relrowsecurity and ${isOurTable(schema)} order by 1`,
    }),
  judge: tables =>
    tables.length === 0
      ? null
      : fault(
          `row level security is on for ${list(tables.map(({ table }) => table))}`,
          'the relay may see no rows, or not all, without any error; it refuses to start if its role is affected',
          `ALTER TABLE ... DISABLE ROW LEVEL SECURITY; Ringback's roles and column grants already separate who may do what`,
        ),
})
