import type { Session, Statement } from './session.ts'
import { readSql } from './sql-files.ts'

/** What is granted (or, of PUBLIC, taken away), one privilege on one object, or on one column of it, to one role. */
interface Privilege {
  readonly isGranted: boolean
  readonly role: string
  readonly privilege: string
  readonly column: string | null
  readonly kind: 'schema' | 'function' | 'table'
  /** Without the schema and, of a function, without its arguments: none has a namesake. */
  readonly object: string
}

/** Privileges that are not as they should be; a role that is not there lacks them all. */
interface Wrong {
  readonly isGranted: boolean
  readonly hasRole: boolean
  readonly role: string
  readonly privilege: string
  readonly columns: string | null
  readonly object: string
}

/** Looked up by name and not by `::regclass`, which would need the very USAGE that may be missing. */
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

/** Creates the roles that are missing and gives each what it needs: parts of sql/schema.sql, which can be run again. */
export async function rolesAndGrants(schema: string): Promise<string> {
  const text = await readSql('schema.sql', schema)
  return [part(text, 'Roles'), part(text, 'Privileges')].join('\n')
}

/**
 * How the privileges of this schema differ from those of sql/schema.sql, as after a restore without roles: a sentence each,
 * such as `outbox_relay lacks UPDATE (rev, status) on callback`. `migrate` puts all of it right.
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

/** From its heading to the next one. */
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

/** Parts between commas, but for those within parentheses. */
function listed(text: string): string[] {
  return text.split(/,\s*(?![^(]*\))/)
}

/** `callback` of `outbox.callback`, `purge` of `outbox.purge(...)`, a schema as it is. */
function nameOf(object: string): string {
  return object.replace(/^\w+\./, '').replace(/\(.*$/s, '')
}
