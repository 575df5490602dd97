import { connectionOf } from '../config.ts'
import type { Values } from '../options.ts'
import { type Database, databaseOf } from '../outbox/database.ts'
import { checkSchema } from '../outbox/installed.ts'
import { Session } from '../outbox/session.ts'

/**
 * Runs `use` in a session and a transaction of its own, on a schema that was found to fit this binary. In the transaction
 * nothing that others have created in `public` is run, even behind a pooler.
 *
 * @throws SchemaError, StandbyError, or what pg throws when it cannot connect.
 */
export async function inDatabase<T>(
  config: Pick<Values, 'databaseUrl' | 'schema'>,
  command: string,
  use: (db: Database) => Promise<T>,
): Promise<T> {
  const session = await Session.open({
    connection: connectionOf(config),
    schema: config.schema,
    applicationName: `ringback ${command}`,
    // A replay of millions of rows is one statement.
    timeoutMs: 3_600_000,
    prepared: false,
  })
  try {
    await session.run('begin; set local search_path = pg_catalog, pg_temp')
    await checkSchema(session, config.schema)
    const result = await use(databaseOf(session))
    await session.run('commit')
    return result
  } finally {
    await session.close()
  }
}
