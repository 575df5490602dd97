/** What an error of the database is about: the session, the statement, its values, or a passing state of the server. */
import pg from 'pg'
import { PrivilegeError } from '../errors.ts'

/**
 * False only for an error that PostgreSQL sent, unless it is of class 08 (connection), 57P (shutdown, crash), 25006
 * (the primary became a standby) or 26000 (unknown prepared statement).
 */
export function endsSession(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  if (!(error instanceof pg.DatabaseError) || typeof code !== 'string') return true
  return code.startsWith('08') || code.startsWith('57P') || code === '25006' || code === '26000'
}

/**
 * PostgreSQL refused the statement because of the statement or one of its rows, and the session goes on. Excluded: no
 * memory or disk left (53), files that cannot be read (58).
 */
export function isRefusal(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && !endsSession(error) && !/^(53|58)/.test(error.code ?? '')
}

/** The same, and one of the rows may be the reason: PostgreSQL did not end the statement early. */
export function isRefusalOfRows(error: unknown): error is pg.DatabaseError {
  return isRefusal(error) && !isCancelled(error)
}

/** PostgreSQL refused the values of a statement (class 22, 23 or 54). Other values may be accepted. */
export function isDataError(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(22|23|54)/.test(error.code ?? '')
}

/**
 * The same values will always be refused. Class 54 does not say so: it also means a server that is out of transaction
 * ids.
 */
export function isLastingDataError(error: unknown): boolean {
  return isDataError(error) && !(error as pg.DatabaseError).code?.startsWith('54')
}

/** PostgreSQL ended the statement early: a timeout (of a statement, of a wait for a lock), or an operator's cancel. */
export function isCancelled(error: unknown): error is pg.DatabaseError {
  return isLockTimeout(error) || (error instanceof pg.DatabaseError && error.code === '57014')
}

/** `lock_timeout` ran out. */
export function isLockTimeout(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && error.code === '55P03'
}

/**
 * Trouble that may pass: no connection, a server that starts or stops, too many clients, a lock, a timeout. A wrong
 * password is not of these.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true
  return /^(08|40|53|57P|57014|55P03|25006)/.test(error.code ?? '')
}

/** A role that a login may be a member of, without the prefix `<schema>_`. */
export type RolePart = 'producer' | 'relay' | 'operator' | 'reader'

/**
 * Turns a missing privilege into an error that names the role to grant. Returns any other error as it is.
 *
 * @param command as typed, such as `ringback status`.
 */
export function explainDenied(error: unknown, command: string, part: RolePart, session: Grantee): unknown {
  if (!(error instanceof pg.DatabaseError) || error.code !== '42501') return error
  const role = `${session.schema}_${part}`
  const remedy = `GRANT ${role} TO "${session.login.replaceAll('"', '""')}";`
  return new PrivilegeError(`${command}: ${error.message}; it needs the role ${role}: ${remedy}`, { cause: error })
}

interface Grantee {
  readonly schema: string
  readonly login: string
}

/** A table, a column, a function or the schema does not exist. */
export function isUndefined(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | undefined)?.code
  return ['42P01', '42703', '42883', '3F000'].some(undefinedCode => undefinedCode === code)
}
