import { connectionOf } from '../config/config.ts'
import type { Values } from '../config/options.ts'
import { explainDenied, type RolePart } from '../outbox/database-errors.ts'
import { checkSchema } from '../outbox/installed.ts'
import { Session, type SessionOptions } from '../outbox/session.ts'
import { commandSettings, settle } from '../outbox/settings.ts'

/** The database, and the schema in it. */
export type Place = Pick<Values, 'databaseUrl' | 'schema'> & Partial<Pick<Values, 'databaseUrlFile'>>

/** For one statement, in milliseconds: a replay may cover millions of rows. */
export const timeoutMs = 3_600_000

/**
 * Runs `use` in a transaction of a session of `inSession`, after checking that the schema fits this version. Settings
 * are set for the transaction only: after it a pooler may give the session to another program.
 *
 * @throws SchemaError.
 */
export async function inTransaction<T>(session: Session, use: () => Promise<T>): Promise<T> {
  await session.run('begin isolation level read committed read write')
  await settle(session, commandSettings(timeoutMs), 'transaction')
  await checkSchema(session, session.schema)
  const result = await use()
  await session.run('commit')
  return result
}

/**
 * Runs `use` in a session of its own, which may go through a pooler.
 *
 * @throws StandbyError, unless `onStandby` is `read`; PrivilegeError, which names the needed role; or the reason why it
 *   cannot connect.
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
  } catch (error) {
    throw explainDenied(error, `ringback ${command}`, roleOf(command), session)
  } finally {
    await session.close()
  }
}

/** The role whose privileges a command needs. */
function roleOf(command: string): RolePart {
  return ['status', 'attempts', 'doctor'].includes(command) ? 'reader' : 'operator'
}
