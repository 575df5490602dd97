/**
 * Ringback as a library, `import { enqueue, migrate, startRelay } from 'ringback'`. Importing it does nothing; no part of it handles
 * signals, ends the process or writes to stdout.
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

/**
 * Starts a relay in this process, as `ringback run` does, but for signals, metrics and the log: those are the program's. With
 * `drain` it delivers what is due and ends.
 *
 * @returns a relay that has registered. Await its `ended`: it rejects when the relay cannot go on. A database that is away for
 * a while is waited for.
 * @throws RingbackError, whose `code` says what, and whose message names every option that is wrong; or what says why it
 * cannot connect: at the start a database that is away is not waited for.
 */
export async function startRelay(options: RelayOptions = {}): Promise<RunningRelay> {
  // An HTTP client and a log are loaded only where they are needed.
  return (await import('./commands/start-relay.ts')).startRelay(options)
}
