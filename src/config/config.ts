/**
 * Turns arguments and environment into a valid, frozen config, or into one error that names all faults. A text is read
 * by its schema, then checked against the invariants.
 *
 * - A flag overrides its variable. Of two equal flags the last one applies. An empty variable counts as not set.
 * - Variables for options of other commands are ignored, since one environment serves all commands. Unknown variables
 *   are faults, since a misspelt one would leave the default in force.
 * - Files named by options are read here, too, so that their faults are reported at the same time.
 */
import * as v from 'valibot'
import { UsageError } from '../errors.ts'
import type { Destinations } from '../policy/destinations.ts'
import { fromArguments, type Given } from './arguments.ts'
import { databaseUrlIn, resolveDatabaseUrl } from './database-url.ts'
import { readDestinations } from './destinations-file.ts'
import { type Environment, fromEnvironment, refuseUnverified } from './environment.ts'
import { holdInvariants } from './invariants.ts'
import { type CommandName, type ConfigOf, commands, flagOf, type OptionKey, optionsOf, type Values } from './options.ts'
import { helpFlags, quote, suggest } from './wording.ts'

export { durationMs, durationText } from './duration.ts'
export type { Environment } from './environment.ts'

export type RunConfig = ConfigOf<'run'>
export type MigrateConfig = ConfigOf<'migrate'>
export type StatusConfig = ConfigOf<'status'>
export type DoctorConfig = ConfigOf<'doctor'>
export type AttemptsConfig = ConfigOf<'attempts'>
export type ReplayConfig = ConfigOf<'replay'>
export type HealthConfig = ConfigOf<'health'>
export type CancelConfig = ConfigOf<'cancel'>
export type HoldConfig = ConfigOf<'hold'>
export type ReleaseConfig = ConfigOf<'release'>
export type SqlConfig = ConfigOf<'sql'>
export type UiConfig = ConfigOf<'ui'>
export type PurgeConfig = ConfigOf<'purge'>
export type CompletionConfig = ConfigOf<'completion'>
export type KeygenConfig = ConfigOf<'keygen'>
export type TryConfig = ConfigOf<'try'>

/**
 * Reads the options of `command`.
 *
 * @param argv the arguments after the command. The caller handles `--help` and `--version`.
 * @param nowMs Unix time in milliseconds, for relative times such as `--since 2h`.
 * @throws UsageError with every fault: unknown, malformed, out of range, or breaking an invariant.
 */
export function parse<C extends CommandName>(
  command: C,
  argv: readonly string[],
  env: Environment,
  nowMs: number = Date.now(),
): { readonly config: ConfigOf<C> } {
  const faults: string[] = []
  const given = new Map([...fromEnvironment(env, faults), ...fromArguments(command, argv, faults)])
  const values = readValues(command, given, nowMs, faults)
  holdInvariants(values, given, faults)
  resolveDatabaseUrl(values, given, faults)
  const sends = command === 'run' || command === 'try'
  if (sends) refuseUnverified(env, faults)
  const made = sends ? { destinations: readDestinations(values as RunConfig, faults) } : {}
  if (faults.length > 0) throw new UsageError(`ringback ${command}`, faults, `ringback ${command} --help`)
  return Object.freeze({ config: Object.freeze({ ...values, ...made }) as ConfigOf<C> })
}

/** The log format of `run` if its settings have faults: as far as it can be read. */
export function logFormatOf(argv: readonly string[], env: Environment): 'auto' | 'json' | 'pretty' {
  const ignored: string[] = []
  const given = new Map([...fromEnvironment(env, ignored), ...fromArguments('run', argv, ignored)])
  return readValues('run', given, 0, ignored).logFormat ?? 'auto'
}

/** A value that cannot be read is a fault and is left out, so that no invariant is checked against it. */
function readValues(
  command: CommandName,
  given: ReadonlyMap<OptionKey, Given>,
  nowMs: number,
  faults: string[],
): Partial<Values> {
  const values: Partial<Record<OptionKey, unknown>> = {}
  for (const [key, option] of optionsOf(command)) {
    const written = given.get(key)
    if (written === undefined && option.argument !== 'required') {
      values[key] = option.default
      continue
    }
    const { text, from } = written ?? { text: '', from: 'argument' }
    const schema = typeof option.schema === 'function' ? option.schema(nowMs) : option.schema
    const { success, output, issues } = v.safeParse(schema, text)
    if (success) values[key] = output
    else faults.push(...issues.map(({ message }) => `${flagOf(option)} (${from}): ${message}`))
  }
  return values as Partial<Values>
}

/**
 * Reads the file of `--config` again; the options stay as given.
 *
 * @throws UsageError with every fault.
 */
export function readAgain(config: RunConfig): Destinations {
  const faults: string[] = []
  const destinations = readDestinations(config, faults)
  if (faults.length > 0) throw new UsageError('ringback run', faults, 'ringback run --help')
  return destinations
}

/**
 * The configuration for pg; empty leaves it to the PG* variables. Call it for each connection, since the file with the
 * URL may change.
 *
 * @throws Error when that file no longer holds a URL.
 */
export function connectionOf(config: Pick<Values, 'databaseUrl'> & Partial<Pick<Values, 'databaseUrlFile'>>): {
  readonly connectionString?: string
} {
  const url = typeof config.databaseUrlFile === 'string' ? databaseUrlIn(config.databaseUrlFile) : config.databaseUrl
  return url === null ? {} : { connectionString: verifying(url) }
}

/** pg verifies certificates in each of these modes, but warns that a later version may not. */
function verifying(url: string): string {
  const isOtherwise = /[?&]uselibpqcompat=true\b/.test(url)
  return isOtherwise ? url : url.replace(/([?&]sslmode=)(prefer|require|verify-ca)(?=&|$)/, '$1verify-full')
}

/** @throws UsageError, which suggests a similar name. */
export function commandNamed(text: string): CommandName {
  if (Object.hasOwn(commands, text)) return text as CommandName
  const known = Object.keys(commands)
  const fault = text.startsWith('-')
    ? `expected a command (${known.join(', ')}) before any option; got ${quote(text)}${suggest(text, helpFlags, name => name)}`
    : `unknown command ${quote(text)}${suggest(text, known, name => name)}; the commands are ${known.join(', ')}`
  throw new UsageError('ringback', [fault], 'ringback --help')
}
