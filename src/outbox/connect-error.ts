/**
 * Why a connection failed, in words that need no knowledge of the driver: what was tried, what happened, what to do.
 */
import pg from 'pg'
import { MissingPasswordError, messageOf } from '../errors.ts'

/** The server that a connection was meant for. */
export interface Aim {
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly hasPassword: boolean
  /** False: neither a URL nor one of libpq's variables names the server, so defaults were tried. */
  readonly isNamed: boolean
}

/**
 * Explains errors of the network and the driver. Of PostgreSQL's own errors, only a missing password is explained.
 *
 * @returns the error to throw; a new one keeps cause and `code`.
 */
export function explainConnecting(error: unknown, target: Aim): unknown {
  if (!target.hasPassword && isPasswordWanted(error)) return new MissingPasswordError(withoutPassword(target), error)
  if (error instanceof pg.DatabaseError) return error
  const { code } = error as { readonly code?: unknown }
  const fact = factOf(error, typeof code === 'string' ? code : '', placeOf(target))
  return Object.assign(new Error(`${unset(target)}${fact}`, { cause: error }), code === undefined ? {} : { code })
}

/** The address of the server, for people. */
export function placeOf({ host, port }: Pick<Aim, 'host' | 'port'>): string {
  return host.startsWith('/') ? `the socket of port ${port} in ${host}` : `${host}:${port}`
}

function withoutPassword(target: Aim): string {
  const who = target.user === undefined ? 'the user' : `user "${target.user}"`
  return (
    `${unset(target)}the server at ${placeOf(target)} asks for a password for ${who}, and none was given; ` +
    'put it into DATABASE_URL (postgres://user:password@host/database), PGPASSWORD or the file of PGPASSFILE'
  )
}

function unset({ isNamed }: Aim): string {
  return isNamed ? '' : 'DATABASE_URL is not set, and neither is PGHOST; '
}

/** With SCRAM, the driver gives up without a password. With other methods the server refuses the empty one. */
function isPasswordWanted(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return error.code === '28P01'
  return error instanceof Error && /password must be a/.test(error.message)
}

function factOf(error: unknown, code: string, place: string): string {
  const message = messageOf(error)
  if (/ECONNREFUSED|ENOENT/.test(code)) return `nothing listens at ${place} (${code}): is PostgreSQL running there?`
  if (/ENOTFOUND|EAI_/.test(code)) return `the host of ${place} could not be looked up (${code})`
  if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(code)) return `${place} cannot be reached (${code})`
  if (/ECONNRESET|EPIPE/.test(code) || /terminated unexpectedly/.test(message))
    return `${place} closed the connection before it had answered: is it PostgreSQL, or does it want TLS (?sslmode=verify-full)?`
  if (/^timeout expired/.test(message)) return `${place} did not answer in time: is it PostgreSQL?`
  if (/does not support SSL/.test(message))
    return `${place} has no TLS; leave sslmode out of DATABASE_URL, or turn ssl on in the server`
  if (/CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS/.test(code))
    return `the certificate of ${place} is not trusted (${message}); name its CA by sslrootcert=FILE in DATABASE_URL`
  if (/establishing an SSL connection/.test(message))
    return `what listens at ${place} does not speak the protocol of PostgreSQL`
  return message.replace(/^SASL: /, `logging in at ${place} failed: `)
}
