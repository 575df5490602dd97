/**
 * From arguments and environment to a valid, frozen config; or to one error that names all faults at once, so that nobody
 * has to mend them one by one. The path of a value: text as given -> read by its type -> held against the invariants.
 *
 * A flag wins over its variable, the last of two equal flags wins, an empty variable counts as not set. Variables of other
 * commands' options are left alone, since one environment serves all commands; unknown ones are faults, since a misspelt
 * variable would silently leave the default in force. Files that an option names are read here too, so that what is wrong
 * with them is said at the same time.
 */

import { UsageError } from '../errors.ts'
import type { Destinations } from '../policy/destinations.ts'
import { fromArguments } from './arguments.ts'
import { databaseUrlIn, resolveDatabaseUrl } from './database-url.ts'
import { readDestinations } from './destinations-file.ts'
import { type Environment, fromEnvironment, refuseUnverified } from './environment.ts'
import type { Faults } from './given.ts'
import { type CommandName, type ConfigOf, commands, type Values } from './options.ts'
import { holdInvariants } from './rules.ts'
import { readValues } from './values.ts'
import { quote, suggest } from './wording.ts'

export { durationMs, durationText } from './duration.ts'
export type { Environment } from './environment.ts'
export { defaultText } from './wording.ts'

export type RunConfig = ConfigOf<'run'>
export type MigrateConfig = ConfigOf<'migrate'>
export type StatusConfig = ConfigOf<'status'>
export type DoctorConfig = ConfigOf<'doctor'>
export type AttemptsConfig = ConfigOf<'attempts'>
export type ReplayConfig = ConfigOf<'replay'>
export type KeygenConfig = ConfigOf<'keygen'>

/**
 * Reads the options of `command`.
 *
 * @param argv what stands behind the command; `--help` and `--version` are the caller's.
 * @param nowMs Unix time in milliseconds, to which `--since 2h` is relative.
 * @throws UsageError with every fault: unknown, malformed, out of range, or breaking an invariant.
 */
export function parse<C extends CommandName>(
  command: C,
  argv: readonly string[],
  env: Environment,
  nowMs: number = Date.now(),
): { readonly config: ConfigOf<C> } {
  const faults: Faults = []
  const given = new Map([...fromEnvironment(env, faults), ...fromArguments(command, argv, faults)])
  const values = readValues(command, given, nowMs, faults)
  holdInvariants(values, given, faults)
  resolveDatabaseUrl(values, given, faults)
  if (command === 'run') refuseUnverified(env, faults)
  const read = Object.fromEntries(values) as unknown as Values
  const made = command === 'run' ? { destinations: readDestinations(read, faults) } : {}
  if (faults.length > 0) throw new UsageError(`ringback ${command}`, faults, `ringback ${command} --help`)
  return Object.freeze({ config: Object.freeze({ ...read, ...made }) as ConfigOf<C> })
}

/**
 * The file of `--config` as it is now, over the options as they were given.
 *
 * @throws UsageError with every fault.
 */
export function readAgain(config: RunConfig): Destinations {
  const faults: Faults = []
  const destinations = readDestinations(config, faults)
  if (faults.length > 0) throw new UsageError('ringback run', faults, 'ringback run --help')
  return destinations
}

/**
 * What pg is given to connect; empty leaves it to the PG* variables. To be asked for each connection, since the file that
 * holds the URL is read anew.
 *
 * @throws Error when that file holds no URL any more.
 */
export function connectionOf(config: Pick<Values, 'databaseUrl'> & Partial<Pick<Values, 'databaseUrlFile'>>): {
  readonly connectionString?: string
} {
  if (typeof config.databaseUrlFile === 'string') return { connectionString: databaseUrlIn(config.databaseUrlFile) }
  return config.databaseUrl === null ? {} : { connectionString: config.databaseUrl }
}

/** @throws UsageError that suggests the near miss. */
export function commandNamed(text: string): CommandName {
  if (Object.hasOwn(commands, text)) return text as CommandName
  const known = Object.keys(commands)
  const fault = text.startsWith('-')
    ? `expected a command (${known.join(', ')}) before any option; got ${quote(text)}`
    : `unknown command ${quote(text)}${suggest(text, known, name => name)}; the commands are ${known.join(', ')}`
  throw new UsageError('ringback', [fault], 'ringback --help')
}
