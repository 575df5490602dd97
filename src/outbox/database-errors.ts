/** What an error of the database says: about the session, about the statement, about its values, about the hour. */
import pg from 'pg'
import { PrivilegeError } from '../errors.ts'

/**
 * An error of PostgreSQL that leaves the session usable has a five-letter code that does not belong to the classes
 * 08 (connection), 57P (shutdown, crash) or 25006 (the primary became a standby under us).
 */
export function endsSession(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  if (!(error instanceof pg.DatabaseError) || typeof code !== 'string') return true
  return code.startsWith('08') || code.startsWith('57P') || code === '25006' || code === '26000'
}

/**
 * PostgreSQL refuses the statement, and the session goes on: for a fault of the statement, or of one of its rows. Not: it has
 * no memory or disk left (53), or cannot read its files (58).
 */
export function isRefusal(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && !endsSession(error) && !/^(53|58)/.test(error.code ?? '')
}

/** The values of a statement were refused (class 22, 23 or 54): another row would have been taken. */
export function isDataError(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(22|23|54)/.test(error.code ?? '')
}

/** The same values would be refused for ever. Class 54 says nothing like that: a server has it that is out of transaction ids. */
export function isLastingDataError(error: unknown): boolean {
  return isDataError(error) && !(error as pg.DatabaseError).code?.startsWith('54')
}

/** `lock_timeout` ran out. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '55P03'
}

/**
 * Trouble that may pass by itself: no connection, a server that starts or stops, too many clients, somebody's lock, a timeout.
 * Not: wrong password.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true
  return /^(08|40|53|57P|57014|55P03|25006)/.test(error.code ?? '')
}

/** What a login may be a member of, without the name of the schema in front. */
export type RolePart = 'producer' | 'relay' | 'operator' | 'reader'

/**
 * Of a right that is missing: the role that has it, as an error of its own. Any other error as it is.
 *
 * @param command as it is typed, such as `ringback status`.
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

/** A table, a column or a function is not there. */
export function isUndefined(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | undefined)?.code
  return ['42P01', '42703', '42883', '3F000'].some(undefinedCode => undefinedCode === code)
}
