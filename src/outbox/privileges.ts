import type { Session, Statement } from './session.ts'
import { readSql } from './sql-files.ts'

/**
 * One privilege on an object, or on one column of it, that a role must have, or (`isGranted` false) that PUBLIC must
 * not have.
 */
interface Privilege {
  readonly isGranted: boolean
  readonly role: string
  readonly privilege: string
  readonly column: string | null
  readonly kind: 'schema' | 'function' | 'table'
  /** Without the schema, and without the arguments of a function: names are unique without them. */
  readonly object: string
}

/** Privileges that differ from what they should be. A role that does not exist lacks all of its own. */
interface Wrong {
  readonly isGranted: boolean
  readonly hasRole: boolean
  readonly role: string
  readonly privilege: string
  readonly columns: string | null
  readonly object: string
}

/** Names are looked up in the catalogs. `::regclass` would need USAGE, which may be the privilege that is missing. */
const wrongStatement: Statement = {
  name: 'ringback_privileges',
  text: `
    select w."isGranted", w.role = 'public' or r.oid is not null as "hasRole", w.role, upper(w.privilege) as privilege,
           string_agg(w."column", ', ' order by w."column" collate "C") as columns, w.object
      from json_to_recordset($2::json) as w ("isGranted" boolean, role text, privilege text, "column" text, kind text, object text)
      left join pg_roles r on r.rolname = w.role
      left join pg_namespace n on n.nspname = $1
      left join pg_class c on w.kind = 'table' and c.relnamespace = n.oid and c.relname = w.object
      left join pg_proc p on w.kind = 'function' and p.pronamespace = n.oid and p.proname = w.object
     where w."isGranted" <> coalesce(case
             when w.role <> 'public' and r.oid is null then false
             when w.kind = 'schema' then has_schema_privilege(w.role, n.oid, w.privilege)
             when w.kind = 'function' then has_function_privilege(w.role, p.oid, w.privilege)
             when w."column" is null then has_table_privilege(w.role, c.oid, w.privilege)
             else has_column_privilege(w.role, c.oid, w."column", w.privilege) end, false)
     group by 1, 2, w.role, w.privilege, w.object
     order by w.role collate "C", w.object collate "C", w.privilege`,
}

/** Creates missing roles and grants each its privileges: the parts of sql/schema.sql that can be run again. */
export async function rolesAndGrants(schema: string): Promise<string> {
  const text = await readSql('schema.sql', schema)
  return [part(text, 'Roles'), part(text, 'Privileges')].join('\n')
}

/**
 * Differences between the privileges of this schema and sql/schema.sql, such as `outbox_relay lacks UPDATE (rev,
 * status) on callback`. `migrate` corrects them.
 */
export async function wrongPrivileges(session: Session): Promise<string[]> {
  const wanted = privilegesIn(await rolesAndGrants(session.schema))
  const wrong = await session.rows<Wrong>(wrongStatement, [session.schema, JSON.stringify(wanted)])
  return [...new Set(wrong.map(sentence))]
}

function sentence({ isGranted, hasRole, role, privilege, columns, object }: Wrong): string {
  if (!hasRole) return `role ${role} does not exist`
  const what = `${privilege}${columns === null ? '' : ` (${columns})`} on ${object}`
  return isGranted ? `${role} lacks ${what}` : `every role has ${what}`
}

/** The text between a heading and the next one. */
function part(text: string, heading: string): string {
  const [, found] = text.split(new RegExp(`^-- ${heading} -+$`, 'm'))
  if (found === undefined) throw new Error(`sql/schema.sql has no part "${heading}"`)
  return found.split(/^-- .* -{20,}$/m)[0] ?? ''
}

function privilegesIn(text: string): Privilege[] {
  const statements = text
    .replaceAll(/--.*$/gm, '')
    .matchAll(/\b(grant|revoke)\s+([^;]+?)\s+on\s+(?:(schema|function)\s+)?([^;]+?)\s+(?:to|from)\s+([\w, ]+);/g)
  return [...statements].flatMap(([, verb, privileges = '', kind = 'table', objects = '', roles = '']) =>
    listed(roles).flatMap(role =>
      listed(objects).flatMap(object =>
        listed(privileges)
          .flatMap(privilege =>
            privilege === 'all' ? ['select', 'insert', 'update', 'delete', 'truncate'] : privilege,
          )
          .flatMap(each => {
            const [privilege = '', columns] = each.split(/\s*[()]/)
            const one = {
              isGranted: verb === 'grant',
              role,
              privilege,
              kind: kind as Privilege['kind'],
              object: nameOf(object),
            }
            return (columns?.split(/,\s*/) ?? [null]).map(column => ({ ...one, column }))
          }),
      ),
    ),
  )
}

/** Splits at commas outside parentheses. */
function listed(text: string): string[] {
  return text.split(/,\s*(?![^(]*\))/)
}

/** `callback` for `outbox.callback`, `purge` for `outbox.purge(...)`; a schema as it is. */
function nameOf(object: string): string {
  return object.replace(/^\w+\./, '').replace(/\(.*$/s, '')
}
