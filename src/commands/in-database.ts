import { connectionOf } from '../config.ts'
import type { Values } from '../options.ts'
import { type Database, databaseOf } from '../outbox/database.ts'
import { checkSchema } from '../outbox/installed.ts'
import { Session, type SessionOptions } from '../outbox/session.ts'

/** Which database, and whose tables in it. */
export type Place = Pick<Values, 'databaseUrl' | 'schema'>

/**
 * Runs `use` in a session and a transaction of its own, on a schema that was found to fit this binary. In the transaction
 * nothing that others have created in `public` is run, even behind a pooler.
 *
 * @throws SchemaError, StandbyError, or what pg throws when it cannot connect.
 */
export async function inDatabase<T>(config: Place, command: string, use: (db: Database) => Promise<T>): Promise<T> {
  // A replay of millions of rows is one statement.
  return inSession(config, command, { timeoutMs: 3_600_000 }, async session => {
    await session.run('begin; set local search_path = pg_catalog, pg_temp')
    await checkSchema(session, config.schema)
    const result = await use(databaseOf(session))
    await session.run('commit')
    return result
  })
}

/**
 * Runs `use` in a session of its own, which a pooler may stand before.
 *
 * @throws StandbyError, unless `onStandby` is `read`; or what pg throws when it cannot connect.
 */
export async function inSession<T>(
  config: Place,
  command: string,
  options: Pick<SessionOptions, 'timeoutMs' | 'onStandby'>,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.open({
    ...options,
    connection: connectionOf(config),
    schema: config.schema,
    applicationName: `ringback ${command}`,
    prepared: false,
  })
  try {
    return await use(session)
  } finally {
    await session.close()
  }
}
