import type pg from 'pg'
import { messageOf, PrivilegeError, SchemaError } from '../errors.ts'
import { version } from '../version.ts'
import { isLockTimeout, isRefusal } from './database-errors.ts'
import { appliedMigrations, isNotifying, refuseNewer } from './installed.ts'
import { rolesAndGrants } from './privileges.ts'
import { Session, type Statement } from './session.ts'
import { migrationFiles, readSql } from './sql-files.ts'

export interface MigrateOptions {
  readonly schema: string
  /**
   * `poll`: no trigger, for producers that use PREPARE TRANSACTION, which forbids NOTIFY. `keep`: no change; a new
   * schema gets `notify`.
   */
  readonly wake: 'keep' | 'notify' | 'poll'
  /** Changes nothing, and only returns what would be done. */
  readonly dryRun?: boolean
}

/** For one migration, in milliseconds. It may rewrite a table. */
const timeoutMs = 6 * 3_600_000

/**
 * Brings the schema up to this binary, in one transaction. Safe when two run at once: the second waits for the first.
 * Roles and grants are corrected even if there is nothing to migrate, since a restore may have lost them.
 *
 * @returns the migrations that were applied (with `dryRun`: would be), oldest first.
 * @throws SchemaError when a newer Ringback migrated the database, or other software uses the schema; PrivilegeError,
 * which names every missing privilege; StandbyError; or what pg throws when it cannot connect.
 */
export async function migrate(connection: pg.ClientConfig, options: MigrateOptions): Promise<string[]> {
  const { schema, dryRun = false } = options
  const session = await Session.open({
    connection,
    schema,
    timeoutMs,
    applicationName: 'ringback migrate',
    prepared: false,
  })
  try {
    await session.run(begin)
    if (!dryRun) {
      await session.rows(lockStatement, [`ringback migrate ${schema}`])
      await session.run(limitWaits)
    }
    const rights = await rightsOf(session)
    if (!rights.mayRead) checkRights(rights, schema, false)
    const missing = await missingMigrations(session)
    if (!dryRun || missing.length > 0) checkRights(rights, schema, missing.length > 0)
    if (!dryRun) {
      for (const name of missing) await apply(session, name)
      await session.run(await rolesAndGrants(schema))
      await setWake(session, options.wake)
    }
    await session.run('commit')
    return missing
  } finally {
    await session.close()
  }
}

/** All migrations as SQL, oldest first, to be run by other means. Each must be run once, in one transaction. */
export async function printed(schema: string, wake: MigrateOptions['wake']): Promise<string> {
  const names = await migrationFiles()
  const parts = await Promise.all(
    names.map(async name => `-- Migration ${name}\n\n${await readSql(`migrations/${name}.sql`, schema)}`),
  )
  return [
    `-- Ringback ${version}, schema "${schema}": ${names.length === 1 ? '1 migration' : `${names.length} migrations`}.\n` +
      '-- Run each once, in one transaction, as Flyway and Liquibase do (Liquibase: splitStatements:false; psql: -1).\n' +
      '-- Roles need CREATEROLE, unless they are there already.\n',
    ...parts,
    ...(wake === 'poll' ? [`-- As --wake poll says.\n\n${changeOfWake(schema, wake)}\n`] : []),
  ].join('\n')
}

/**
 * `search_path` excludes what others created in `public`, since the migrating role has many rights. The role or the
 * database may have changed the other settings.
 */
const begin = `
  begin isolation level read committed read write;
  set local statement_timeout = 0; set local search_path = pg_catalog, pg_temp; set local standard_conforming_strings = on;
  set local check_function_bodies = on; set local plpgsql.extra_errors = 'none'; set local plpgsql.extra_warnings = 'none';
  set local default_table_access_method = heap`

/**
 * A wait for the lock of a live table holds up all who come later. This applies from here on, since a migration may
 * take hours, and another one waits for it.
 */
const limitWaits = `set local lock_timeout = '2s'`

const lockStatement: Statement = {
  name: 'ringback_migrate_lock',
  text: 'select pg_advisory_xact_lock(hashtextextended($1, 0))',
}

/** @throws SchemaError when other software uses the schema, or a newer Ringback migrated it. */
async function missingMigrations(session: Session): Promise<string[]> {
  const files = await migrationFiles()
  const done = await appliedMigrations(session)
  if (done.length === 0) refuseOthers(await objectsIn(session), session.schema)
  refuseNewer(done, files, session.schema)
  return files.filter(name => !done.includes(name))
}

/** All objects in the schema, tables first. */
const objectsStatement: Statement = {
  name: 'ringback_objects',
  text: `
    select pg_describe_object(d.classid, d.objid, 0) as object
      from pg_depend d
      join pg_namespace n on d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid
      left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
     where n.nspname = $1 and d.deptype = 'n'
     order by c.relkind = 'r' desc nulls last, pg_describe_object(d.classid, d.objid, 0) collate "C"`,
}

async function objectsIn(session: Session): Promise<string[]> {
  return (await session.rows<{ object: string }>(objectsStatement, [session.schema])).map(({ object }) => object)
}

/** @throws SchemaError when other software uses the schema: its objects and ours must not mix. */
function refuseOthers(objects: readonly string[], schema: string): void {
  if (objects.length === 0) return
  const more = objects.length > 3 ? ` and ${objects.length - 3} more` : ''
  throw new SchemaError(
    `schema "${schema}" is used by others: it holds ${objects.slice(0, 3).join(', ')}${more}; nothing was changed. ` +
      'Choose a schema that is empty or does not exist yet, with --schema NAME for each command',
  )
}

interface Rights {
  readonly role: string
  readonly database: string
  /** Owner of the schema; null: it does not exist. */
  readonly owner: string | null
  readonly isOwner: boolean
  /** It may read which migrations were applied, as far as there are any. */
  readonly mayRead: boolean
  readonly mayCreateSchema: boolean
  readonly mayCreateIn: boolean
  readonly mayCreateRoles: boolean
  /** Quoted if needed. */
  readonly missingRoles: readonly string[]
}

/** `pg_has_role(..., 'usage')` is true for every role that has the owner's rights. */
const rightsStatement: Statement = {
  name: 'ringback_rights',
  text: schema => `
    select quote_ident(current_user) as role, quote_ident(current_database()) as database, quote_ident(pg_get_userbyid(n.nspowner)) as owner,
           coalesce(pg_has_role(n.nspowner, 'usage') and pg_has_role(coalesce(c.relowner, n.nspowner), 'usage'), false) as "isOwner",
           n.oid is null or has_schema_privilege(n.oid, 'usage') and (m.oid is null or has_table_privilege(m.oid, 'select')) as "mayRead",
           has_database_privilege(current_database(), 'create') as "mayCreateSchema",
           coalesce(has_schema_privilege(n.oid, 'create'), false) as "mayCreateIn",
           (select r.rolsuper or r.rolcreaterole from pg_roles r where r.rolname = current_user) as "mayCreateRoles",
           array(select format('%s_%s', '${schema}', part) from unnest('{producer,relay,operator,reader}'::text[]) with ordinality as u (part, n)
                  where not exists (select from pg_roles r where r.rolname = format('%s_%s', '${schema}', part)) order by n) as "missingRoles"
      from (select) one
      left join pg_namespace n on n.nspname = '${schema}'
      left join pg_class c on c.relnamespace = n.oid and c.relname = 'callback'
      left join pg_class m on m.relnamespace = n.oid and m.relname = 'migration'`,
}

async function rightsOf(session: Session): Promise<Rights> {
  const [rights] = await session.rows<Rights>(rightsStatement)
  if (!rights) throw new Error('The statement of the rights returned no row.')
  return rights
}

/**
 * Checks before any change, so that one error names everything missing.
 *
 * @throws PrivilegeError
 */
function checkRights(rights: Rights, schema: string, isMigrating: boolean): void {
  const lacking = lackingRights(rights, schema, isMigrating)
  if (lacking.length === 0) return
  const lines = lacking.map(line => `  ${line}`)
  throw new PrivilegeError(
    [`role ${rights.role} may not migrate schema "${schema}"; nothing was changed. It lacks`, ...lines].join('\n'),
  )
}

/** One line for each: what is missing, and what an administrator can run. */
function lackingRights(rights: Rights, schema: string, isMigrating: boolean): string[] {
  const { role, database, owner, missingRoles } = rights
  const lines: string[] = []
  if (owner === null && !rights.mayCreateSchema)
    lines.push(
      `CREATE on database ${database}: GRANT CREATE ON DATABASE ${database} TO ${role}; or CREATE SCHEMA ${schema} AUTHORIZATION ${role};`,
    )
  if (owner !== null && !rights.isOwner)
    lines.push(`the ownership of schema ${schema} and its tables: run this as ${owner}, or GRANT ${owner} TO ${role};`)
  else if (owner !== null && isMigrating && !rights.mayCreateIn)
    lines.push(`CREATE on schema ${schema}: GRANT CREATE ON SCHEMA ${schema} TO ${role};`)
  if (missingRoles.length > 0 && !rights.mayCreateRoles) {
    const each = missingRoles.map(name => `CREATE ROLE ${name};`).join(' ')
    lines.push(`CREATEROLE, since roles are missing: ALTER ROLE ${role} CREATEROLE; or ${each}`)
  }
  return lines
}

/** @throws SchemaError that names the migration. */
async function apply(session: Session, name: string): Promise<void> {
  try {
    await session.run(await readSql(`migrations/${name}.sql`, session.schema))
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new SchemaError(`migration ${name} failed: ${messageOf(error)}; nothing was changed`, { cause: error })
  }
}

/**
 * `notify` needs the trigger that wakes on INSERT, `poll` must not have it. A change locks the table, so nothing is
 * done if the trigger is right.
 */
async function setWake(session: Session, wake: MigrateOptions['wake']): Promise<void> {
  if (wake === 'keep' || (await isNotifying(session)) === (wake === 'notify')) return
  const { schema } = session
  try {
    await session.run(changeOfWake(schema, wake))
  } catch (error) {
    if (!isLockTimeout(error)) throw error
    throw new SchemaError(
      `--wake ${wake} needs a lock on ${schema}.callback, which a long transaction uses; nothing was changed. ` +
        'Run it again when that has ended (ringback doctor names long transactions)',
      { cause: error },
    )
  }
}

function changeOfWake(schema: string, wake: 'notify' | 'poll'): string {
  if (wake === 'poll') return `drop trigger if exists wake on ${schema}.callback;`
  return `create or replace trigger wake after insert on ${schema}.callback
  for each statement execute function ${schema}.wake_after_change();`
}
