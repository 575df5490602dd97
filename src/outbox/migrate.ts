import { readdir, readFile } from 'node:fs/promises'
import {
  CompiledQuery,
  type DatabaseConnection,
  Kysely,
  type Migration,
  type MigrationProvider,
  Migrator,
  PostgresDialect,
  sql,
} from 'kysely'
import pg from 'pg'
import { SchemaError, StandbyError } from '../errors.ts'
import { inSchema } from './sql.ts'

/** Works from src/outbox and from dist/outbox. */
const folder = new URL('../../sql/migrations/', import.meta.url)

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
 * @throws SchemaError when the database was migrated by a newer Ringback; StandbyError.
 */
export async function migrate(config: pg.ClientConfig, options: MigrateOptions): Promise<string[]> {
  const pool = new pg.Pool({ ...config, max: 1, application_name: 'ringback migrate' })
  // A connection that ends while nothing is asked of it: the next statement says so, if there is one.
  pool.on('error', () => {})
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool, onCreateConnection: pinSearchPath }) })
  try {
    const files = await migrationFiles()
    await refuseStandby(db)
    const done = await appliedMigrations(db, options.schema)
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

/** Whoever migrates is mighty: nothing that others have created in `public` may be run here. */
async function pinSearchPath(connection: DatabaseConnection): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw('set search_path = pg_catalog, pg_temp'))
}

/** Names of the migrations this binary knows, oldest first. */
export async function migrationFiles(): Promise<string[]> {
  const names = await readdir(folder)
  return names
    .filter(name => name.endsWith('.sql'))
    .map(name => name.slice(0, -4))
    .sort()
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
        const text = await readFile(new URL(`${name}.sql`, folder), 'utf8')
        migrations[name] = { up: async db => void (await sql.raw(inSchema(text, schema)).execute(db)) }
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
    await letRolesReadTheBooks(transaction, schema)
    if (wake !== 'keep') await setWake(transaction, schema, wake)
  })
}

/** The table belongs to Kysely, so the migrations cannot grant it when they are run by psql. */
async function letRolesReadTheBooks(db: Kysely<unknown>, schema: string): Promise<void> {
  const grant = 'grant select on outbox.kysely_migration to outbox_relay, outbox_operator, outbox_reader'
  await sql.raw(inSchema(grant, schema)).execute(db)
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
    ? 'drop trigger if exists wake on outbox.callback'
    : `create or replace trigger wake after insert on outbox.callback
       for each statement execute function outbox.wake_after_change()`
  await sql.raw(inSchema(change, schema)).execute(db)
}
