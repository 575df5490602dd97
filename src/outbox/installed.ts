import { RowSecurityError, SchemaError } from '../errors.ts'
import type { Session, Statement } from './session.ts'
import { migrationFiles } from './sql-files.ts'

/** Other software may have a table of this name, but hardly with this column. */
const booksStatement: Statement = {
  name: 'ringback_books',
  text: schema => `
    select from pg_attribute where attrelid = to_regclass('${schema}.migration') and attname = 'applied_at' and not attisdropped`,
}

const appliedStatement: Statement = {
  name: 'ringback_applied',
  text: schema => `select name from ${schema}.migration order by name`,
}

const triggerStatement: Statement = {
  name: 'ringback_trigger',
  text: schema =>
    `select exists (select from pg_trigger where tgname = 'wake' and tgrelid = '${schema}.callback'::regclass) as found`,
}

/** @throws SchemaError when the schema is missing, or too old or too new for this binary. */
export async function checkSchema(session: Session, schema: string): Promise<void> {
  const files = await migrationFiles()
  const done = await appliedMigrations(session)
  if (done.length === 0) {
    throw new SchemaError(`schema "${schema}" is missing in this database; run: ringback migrate --schema ${schema}`)
  }
  refuseNewer(done, files, schema)
  const missing = files.filter(name => !done.includes(name))
  if (missing.length > 0) {
    throw new SchemaError(`schema "${schema}" lacks ${missing.join(', ')}; run: ringback migrate --schema ${schema}`)
  }
}

/**
 * The migrations applied to this schema, oldest first; none if the schema is not Ringback's. It does not abort a
 * transaction, unless a privilege is missing.
 */
export async function appliedMigrations(session: Session): Promise<string[]> {
  const hasBooks = (await session.rows(booksStatement)).length > 0
  return hasBooks ? (await session.rows<{ name: string }>(appliedStatement)).map(({ name }) => name) : []
}

/** @throws SchemaError when the database has migrations that this binary does not know. */
export function refuseNewer(done: readonly string[], files: readonly string[], schema: string): void {
  const unknown = done.filter(name => !files.includes(name))
  if (unknown.length === 0) return
  throw new SchemaError(
    `schema "${schema}" was migrated by a newer Ringback (${unknown.join(', ')} is not known here, the newest known is ` +
      `${files.at(-1)}); install that version of ringback or a later one`,
  )
}

const rowSecurityStatement: Statement = {
  name: 'ringback_row_security',
  text: schema => `
    select c.relname::text as table, current_user::text as role from pg_class c
     where c.relnamespace = (select oid from pg_namespace where nspname = '${schema}') and c.relkind in ('r', 'p') and row_security_active(c.oid)
     order by 1`,
}

/**
 * A policy that hides rows raises no error: the relay would find nothing to do.
 *
 * @throws RowSecurityError when row level security applies to this session's role in any table of the schema.
 */
export async function refuseRowSecurity(session: Session, schema: string): Promise<void> {
  const rows = await session.rows<{ table: string; role: string }>(rowSecurityStatement)
  const [first] = rows
  if (!first) return
  const tables = rows.map(({ table }) => `${schema}.${table}`)
  throw new RowSecurityError(
    `row level security is on for ${tables.join(', ')} and would silently hide callbacks from role ${first.role}; ` +
      `run: ${tables.map(table => `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY;`).join(' ')} or give the relay's login BYPASSRLS`,
  )
}

/** True when inserts notify; false after `migrate --wake poll`. */
export async function isNotifying(session: Session): Promise<boolean> {
  return (await session.rows<{ found: boolean }>(triggerStatement))[0]?.found === true
}

const saltStatement: Statement = {
  name: 'ringback_salt',
  text: schema => `select encode(salt, 'hex') as salt from ${schema}.salt`,
}

/**
 * The key of HMACs that only recipients of the plain text can reproduce. It is random, and the same for all relays of
 * this outbox.
 */
export async function readSalt(session: Session): Promise<string> {
  const [row] = await session.rows<{ salt: string }>(saltStatement)
  if (!row)
    throw new SchemaError(
      `table ${session.schema}.salt is empty; run: INSERT INTO ${session.schema}.salt DEFAULT VALUES;`,
    )
  return row.salt
}
