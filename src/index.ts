/**
 * Ringback as a library, `import { enqueue, migrate } from 'ringback'`. Importing it does nothing; no part of it handles signals, ends
 * the process or writes to stdout.
 */
import { connectionOf } from './config/config.ts'
import { type Enqueued, type NewCallback, type ProducerClient, writeCallback } from './outbox/enqueue.ts'
import { type MigrateOptions, migrate as migrateSchema } from './outbox/migrate.ts'

export { RingbackError } from './errors.ts'
export type { Enqueued, Form, NewCallback, ProducerClient } from './outbox/enqueue.ts'
/** For Kysely: the tables of the schema, such as `new Kysely<Tables>(...).withSchema('outbox')`. */
export type { Tables } from './outbox/tables.ts'

export interface EnqueueOptions {
  /** Default `outbox`. */
  readonly schema?: string
}

/**
 * Writes a callback in the transaction that the client is in: it is sent after the commit, and never when it rolls back.
 *
 * @returns null when there is a callback with this `dedupeKey` already.
 * @throws TypeError for a form that JSON cannot hold; or what the database says of a callback that it does not take.
 */
export function enqueue(
  client: ProducerClient,
  callback: NewCallback,
  { schema = 'outbox' }: EnqueueOptions = {},
): Promise<Enqueued | null> {
  return writeCallback(client, callback, schema)
}

export interface MigrateIn extends Partial<MigrateOptions> {
  /** Such as `postgres://user@host:5432/database`. Default: libpq's variables, `PGHOST` and so on. */
  readonly databaseUrl?: string
}

/**
 * Creates the schema or brings it up to date, as `ringback migrate` does. Default: schema `outbox`, woken as it is.
 *
 * @returns the names of the migrations that were applied, oldest first.
 * @throws RingbackError, whose `code` says what; or what says why it cannot connect.
 */
export function migrate(where: MigrateIn = {}): Promise<string[]> {
  const { databaseUrl, schema = 'outbox', wake = 'keep', dryRun = false } = where
  return migrateSchema(connectionOf({ databaseUrl: databaseUrl ?? null }), { schema, wake, dryRun })
}
