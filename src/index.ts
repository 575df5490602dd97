/**
 * Ringback as a library: `import { enqueue, migrate, startRelay } from 'ringback'`. The import has no effects. No part
 * of the library handles signals, ends the process or writes to stdout.
 */
import type { RelayOptions, RunningRelay } from './commands/start-relay.ts'
import { connectionOf } from './config/config.ts'
import { type Enqueued, type NewCallback, type ProducerClient, writeCallback } from './outbox/enqueue.ts'
import { type MigrateOptions, migrate as migrateSchema } from './outbox/migrate.ts'

export type { Drained, Served } from './commands/serve.ts'
export type { RelayLog, RelayOptions, RunningRelay } from './commands/start-relay.ts'
export { RingbackError } from './errors.ts'
export type { Enqueued, Form, NewCallback, ProducerClient } from './outbox/enqueue.ts'
/** For Kysely: the tables of the schema, such as `new Kysely<Tables>(...).withSchema('outbox')`. */
export type { Tables } from './outbox/tables.ts'

export interface EnqueueOptions {
  /** Default `outbox`. */
  readonly schema?: string
}

/**
 * Writes a callback in the transaction of the client. It is sent after the commit, and never after a rollback.
 *
 * @returns null when a callback with this `dedupeKey` exists.
 * @throws TypeError for an unknown property, and for a value in the form that could not be sent as it is; otherwise the
 *   error of the database.
 */
export function enqueue(
  client: ProducerClient,
  callback: NewCallback,
  { schema = 'outbox' }: EnqueueOptions = {},
): Promise<Enqueued | null> {
  return writeCallback(client, callback, schema)
}

export interface MigrateIn extends Partial<MigrateOptions> {
  /** For example `postgres://user@host:5432/database`. Default: libpq's variables (`PGHOST` and so on). */
  readonly databaseUrl?: string
}

/**
 * Creates the schema or brings it up to date, as `ringback migrate` does. Defaults: schema `outbox`, `wake` unchanged.
 *
 * @returns the names of the applied migrations, oldest first.
 * @throws RingbackError with a `code`, or an error that explains why it cannot connect.
 */
export function migrate(where: MigrateIn = {}): Promise<string[]> {
  const { databaseUrl, schema = 'outbox', wake = 'keep', dryRun = false } = where
  return migrateSchema(connectionOf({ databaseUrl: databaseUrl ?? null }), { schema, wake, dryRun })
}

/**
 * Starts a relay in this process, as `ringback run` does. Signals, metrics and the log are left to the program. With
 * `drain` it delivers what is due and ends.
 *
 * @returns a registered relay. Await its `ended`, which rejects when the relay cannot go on. A database that goes away
 * later is waited for.
 * @throws RingbackError with a `code`; for wrong options, its message names each of them. Or an error that explains why
 * it cannot connect: at the start the relay does not wait for the database.
 */
export async function startRelay(options: RelayOptions = {}): Promise<RunningRelay> {
  // An HTTP client and a log are loaded only if needed.
  return (await import('./commands/start-relay.ts')).startRelay(options)
}
