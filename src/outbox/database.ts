import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely'
import type { Session } from './session.ts'
import type { Tables } from './tables.ts'

/** The tables of one schema, for the statements of commands and screens. */
export type Database = Kysely<Tables>

/**
 * Kysely over one session: its statements run there one after another, and fail as the session's own do. Do not destroy
 * it: the session is closed by whoever opened it.
 */
export function databaseOf(session: Session): Database {
  const client = {
    query: (text: string, values: readonly unknown[]) => session.query({ text, values: [...values] }),
    release() {},
  } as unknown as PostgresPoolClient
  const pool = { connect: async () => client, end: async () => {} }
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }).withSchema(session.schema)
}
