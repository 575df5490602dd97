/**
 * Errors that Ringback raises, with a stable `code` for programs, an `exitCode` for the shell, and a message with fact
 * and remedy. Any other error counts as temporary: exit code 1.
 */
export abstract class RingbackError extends Error {
  /** Stable; never renamed. */
  abstract readonly code: string
  /** The exit code of the process; see `ringback --help`. */
  abstract readonly exitCode: number

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** Wrong usage or configuration. The message has one line per fault. */
export class UsageError extends RingbackError {
  readonly code = 'RINGBACK_USAGE'
  readonly exitCode = 2
  readonly faults: readonly string[]

  /**
   * @param subject what was called, such as `ringback run`.
   * @param faults one sentence each, without a line break; at least one.
   * @param help the command that explains more, such as `ringback run --help`.
   */
  constructor(subject: string, faults: readonly string[], help: string) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`
    super([`${subject}: ${count}`, ...faults.map(fault => `  ${fault}`), `More: ${help}`].join('\n'))
    this.faults = Object.freeze([...faults])
  }
}

/** The schema is missing, or too old or too new for this binary. The message says which, and what to run. */
export class SchemaError extends RingbackError {
  readonly code = 'RINGBACK_SCHEMA'
  readonly exitCode = 3
}

/** The database is a standby: nothing can be claimed or recorded there. */
export class StandbyError extends RingbackError {
  readonly code = 'RINGBACK_STANDBY'
  readonly exitCode = 4
}

/** Something happened that Ringback's own code rules out. The cause tells what. */
export class DefectError extends RingbackError {
  readonly code = 'RINGBACK_DEFECT'
  readonly exitCode = 1

  constructor(where: string, cause: unknown) {
    super(`${where}: ${messageOf(cause)}; this is a defect of Ringback`, { cause })
  }
}

/** The server wants a password, and none is configured. */
export class MissingPasswordError extends RingbackError {
  readonly code = 'RINGBACK_PASSWORD'
  readonly exitCode = 2

  constructor(message: string, cause: unknown) {
    super(message, { cause })
  }
}

/** The login lacks privileges in the database. The message names them, and the statements that grant them. */
export class PrivilegeError extends RingbackError {
  readonly code = 'RINGBACK_PRIVILEGE'
  readonly exitCode = 1
}

/** A pooler gives each transaction another session, so nothing that a relay keeps in a session would last. */
export class PoolerError extends RingbackError {
  readonly code = 'RINGBACK_POOLER'
  readonly exitCode = 2

  constructor() {
    super(
      'DATABASE_URL leads through a pooler in transaction mode, and a relay needs its own sessions for locks, LISTEN and ' +
        'prepared statements; name PostgreSQL itself, or a pool in session mode (producers may keep the pooler)',
    )
  }
}

/** Row level security hides callbacks from the relay, or refuses what it writes. */
export class RowSecurityError extends RingbackError {
  readonly code = 'RINGBACK_ROW_SECURITY'
  readonly exitCode = 2
}

/**
 * The message of an error, never empty. A refused connection to a name with two addresses is an AggregateError with an
 * empty message.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message === '' && error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return error.message || error.name
}
