import { Kysely, type Migration, type MigrationProvider, Migrator, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { SchemaError, StandbyError } from '../errors.ts'
import { rolesAndGrants } from './privileges.ts'
import { migrationFiles, readSql } from './sql-files.ts'

export interface MigrateOptions {
  readonly schema: string
  /**
   * `poll`: no trigger at all, for producers that PREPARE TRANSACTION, which forbids NOTIFY. `keep`: as it is, and `notify`
   * for a new schema.
   */
  readonly wake: 'keep' | 'notify' | 'poll'
  /** Only say what would be done. */
  readonly dryRun?: boolean
}

/**
 * Brings the schema up to this binary. Safe when two run at once: Kysely's migrator takes a lock while it applies, and what
 * follows takes another.
 *
 * @returns the names of the migrations that were applied (or, with `dryRun`, would be), oldest first.
 * Roles and grants are put right each time, though there be nothing to migrate.
 *
 * @throws SchemaError when the database was migrated by a newer Ringback, or the schema is used by others; StandbyError.
 */
export async function migrate(config: pg.ClientConfig, options: MigrateOptions): Promise<string[]> {
  const pool = new pg.Pool({ ...config, max: 1, application_name: 'ringback migrate', verify: prepare })
  // A connection that ends while nothing is asked of it: the next statement says so, if there is one.
  pool.on('error', () => {})
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    const files = await migrationFiles()
    await refuseStandby(db)
    // In this order: what another `migrate` has just made is in its books by then.
    const objects = await objectsIn(db, options.schema)
    const done = await appliedMigrations(db, options.schema)
    if (!files.some(name => done.includes(name))) refuseOthers(objects, options.schema)
    refuseNewer(done, files, options.schema)
    const missing = files.filter(name => !done.includes(name))
    if (options.dryRun) return missing
    const applied = await apply(db, options.schema)
    await finish(db, options)
    return applied
  } finally {
    await db.destroy()
  }
}

/**
 * Whoever migrates is mighty: nothing that others have created in `public` may be run here. What else a migration relies on is
 * set too, since the role or the database may have set it otherwise.
 */
function prepare(client: pg.PoolClient, done: (error?: Error) => void): void {
  client
    .query(`
      set statement_timeout = 0; set search_path = pg_catalog, pg_temp; set standard_conforming_strings = on;
      set default_transaction_read_only = off; set default_transaction_isolation = 'read committed'; set check_function_bodies = on;
      set plpgsql.extra_errors = 'none'; set plpgsql.extra_warnings = 'none'; set default_table_access_method = heap`)
    .then(() => done(), done)
}

/** @throws SchemaError when the database knows migrations that this binary does not. */
export function refuseNewer(done: readonly string[], files: readonly string[], schema: string): void {
  const unknown = done.filter(name => !files.includes(name))
  if (unknown.length === 0) return
  throw new SchemaError(
    `schema "${schema}" was migrated by a newer Ringback (${unknown.join(', ')} is not known here, the newest known is ` +
      `${files.at(-1)}); install that version of ringback or a later one`,
  )
}

async function refuseStandby(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ standby: boolean }>`select pg_is_in_recovery() as standby`.execute(db)
  if (rows[0]?.standby) throw new StandbyError('the database is a standby (in recovery); migrate the primary')
}

async function appliedMigrations(db: Kysely<unknown>, schema: string): Promise<string[]> {
  const books = await sql<{ found: boolean }>`
    select to_regclass(${`${schema}.kysely_migration`}) is not null as found`.execute(db)
  if (!books.rows[0]?.found) return []
  const rows = await sql<{
    name: string
  }>`select name from ${sql.id(schema, 'kysely_migration')} order by name`.execute(db)
  return rows.rows.map(row => row.name)
}

/** All that is in the schema, most telling first; the books of the migrations are left out, which a failed one may have left empty. */
async function objectsIn(db: Kysely<unknown>, schema: string): Promise<string[]> {
  const { rows } = await sql<{ object: string }>`
    select pg_describe_object(d.classid, d.objid, 0) as object
      from pg_depend d
      join pg_namespace n on d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid
      left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
     where n.nspname = ${schema} and d.deptype = 'n' and coalesce(c.relname, '') not in ('kysely_migration', 'kysely_migration_lock')
     order by c.relkind = 'r' desc nulls last, pg_describe_object(d.classid, d.objid, 0) collate "C"`.execute(db)
  return rows.map(row => row.object)
}

/** @throws SchemaError when the schema is used by others: their objects and ours must not meet. */
function refuseOthers(objects: readonly string[], schema: string): void {
  if (objects.length === 0) return
  const more = objects.length > 3 ? ` and ${objects.length - 3} more` : ''
  throw new SchemaError(
    `schema "${schema}" is used by others: it holds ${objects.slice(0, 3).join(', ')}${more}; nothing was changed. ` +
      'Choose a schema that is empty or not there yet, with --schema NAME for each command',
  )
}

async function apply(db: Kysely<unknown>, schema: string): Promise<string[]> {
  const migrator = new Migrator({ db, provider: provider(schema), migrationTableSchema: schema })
  const { error, results } = await migrator.migrateToLatest()
  if (!error) return results?.map(result => result.migrationName) ?? []
  const failed = results?.find(result => result.status === 'Error')
  const fact = error instanceof Error ? error.message : String(error)
  throw new SchemaError(`migration ${failed?.migrationName ?? ''} failed: ${fact}; nothing was changed`, {
    cause: error,
  })
}

function provider(schema: string): MigrationProvider {
  return {
    async getMigrations(): Promise<Record<string, Migration>> {
      const migrations: Record<string, Migration> = {}
      for (const name of await migrationFiles()) {
        const text = await readSql(`migrations/${name}.sql`, schema)
        migrations[name] = { up: async db => void (await sql.raw(text).execute(db)) }
      }
      return migrations
    },
  }
}

/** Under a lock of its own: Kysely's is given back by now, and two GRANTs on one table at once are an error. */
async function finish(db: Kysely<unknown>, { schema, wake }: MigrateOptions): Promise<void> {
  await db.transaction().execute(async transaction => {
    const key = `ringback migrate ${schema}`
    await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(transaction)
    // Though nothing was migrated: a restore may have lost them.
    await sql.raw(await rolesAndGrants(schema)).execute(transaction)
    if (wake !== 'keep') await setWake(transaction, schema, wake)
  })
}

/** The trigger that wakes on INSERT is there in `notify`, and away in `poll`; left alone when right, as a change locks the table. */
async function setWake(db: Kysely<unknown>, schema: string, wake: 'notify' | 'poll'): Promise<void> {
  const trigger = await sql<{ found: boolean }>`
    select exists (select from pg_trigger where tgname = 'wake' and tgrelid = ${`${schema}.callback`}::regclass) as found`.execute(
    db,
  )
  const found = trigger.rows[0]?.found
  if (found === (wake === 'notify')) return
  const change = found
    ? `drop trigger if exists wake on ${schema}.callback`
    : `create or replace trigger wake after insert on ${schema}.callback
       for each statement execute function ${schema}.wake_after_change()`
  await sql.raw(change).execute(db)
}
