/**
 * From arguments and environment to a valid, frozen config; or to one error that names all faults at once, so that nobody
 * has to mend them one by one. The path of a value: text as given -> read by its type -> held against the invariants.
 *
 * A flag wins over its variable, the last of two equal flags wins, an empty variable counts as not set. Variables of other
 * commands' options are left alone, since one environment serves all commands; unknown ones are faults, since a misspelt
 * variable would silently leave the default in force.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { closestMatch } from 'leven'
import { UsageError } from './errors.ts'
import {
  allOptions,
  type CommandName,
  type ConfigOf,
  commands,
  invariants,
  type Option,
  type OptionKey,
  options,
  optionsOf,
  type Values,
  variableOf,
} from './options.ts'

export type RunConfig = ConfigOf<'run'>
export type MigrateConfig = ConfigOf<'migrate'>
export type StatusConfig = ConfigOf<'status'>
export type AttemptsConfig = ConfigOf<'attempts'>
export type ReplayConfig = ConfigOf<'replay'>
export type DemoConfig = ConfigOf<'demo'>

export type Environment = Readonly<Record<string, string | undefined>>

/** A value as it was written, and where. */
interface Given {
  readonly text: string
  readonly from: string
}

type Value = string | number | boolean | null | readonly string[]
type Reading = { readonly value: Value } | { readonly expected: string }
type Faults = string[]

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

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
  resolveDatabaseUrl(values, faults)
  if (faults.length > 0) throw new UsageError(`ringback ${command}`, faults, `ringback ${command} --help`)
  return Object.freeze({ config: Object.freeze(Object.fromEntries(values)) as ConfigOf<C> })
}

/** What pg is given to connect; empty leaves it to the PG* variables. */
export function connectionOf(config: Pick<Values, 'databaseUrl'>): { readonly connectionString?: string } {
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

function* fromEnvironment(env: Environment, faults: Faults): Generator<[OptionKey, Given]> {
  const variables = allOptions().flatMap(([, option]) => variableOf(option) ?? [])
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith('RINGBACK_') || variable.startsWith('RINGBACK_TEST_')) continue
    if (!variables.includes(variable)) faults.push(unknownVariable(variable, variables))
  }
  for (const [key, option] of allOptions()) {
    const variable = [variableOf(option), 'alsoVariable' in option ? option.alsoVariable : null].find(v => v && env[v])
    if (variable) yield [key, { text: env[variable] ?? '', from: `environment variable ${variable}` }]
  }
}

function unknownVariable(variable: string, known: readonly string[]): string {
  const positive = variable.replace('RINGBACK_NO_', 'RINGBACK_')
  if (positive !== variable && known.includes(positive))
    return `${variable}: unknown environment variable; write ${positive}=false`
  const near = suggest(
    variable.slice('RINGBACK_'.length),
    known.map(v => v.slice('RINGBACK_'.length)),
    v => `RINGBACK_${v}`,
  )
  return `${variable}: unknown environment variable${near}`
}

/** One element of `argv`, or an option with the element behind it. */
interface Argument {
  /** As written. */
  readonly written: string
  /** null: not an option. */
  readonly name: string | null
  /** Behind `=`. */
  readonly inline: string | null
  /** The element behind, when that is no option. */
  readonly next: string | null
}

/**
 * parseArgs is told no options: it then tells flags from values by their form alone, and an option that lacks its value does
 * not swallow the flag behind it, nor does an unknown one leave its value behind as a second fault.
 */
function split(argv: readonly string[]): Argument[] {
  const { tokens } = parseArgs({ args: [...argv], strict: false, tokens: true, options: {} })
  const distinct = tokens.filter(
    (token, i) => token.kind !== 'option-terminator' && token.index !== tokens[i - 1]?.index,
  )
  return distinct.map((token, i) => {
    const behind = distinct[i + 1]
    return {
      written: argv[token.index] ?? '',
      name: token.kind === 'option' ? token.name : null,
      inline: token.kind === 'option' ? (token.value ?? null) : null,
      next: behind?.kind === 'positional' && behind.index === token.index + 1 ? behind.value : null,
    }
  })
}

function fromArguments(command: CommandName, argv: readonly string[], faults: Faults): Map<OptionKey, Given> {
  const given = new Map<OptionKey, Given>()
  const takesArgument = optionsOf(command).some(([, option]) => 'argument' in option)
  const queue = split(argv)
  for (let argument = queue.shift(); argument !== undefined; argument = queue.shift()) {
    const [key, option] = find(command, argument, given) ?? []
    if (key === undefined || option === undefined) {
      faults.push(unexpected(command, argument))
      if (argument.next !== null && argument.name !== null && !takesArgument) queue.shift()
      continue
    }
    const text = textOf(option, argument)
    if (argument.name !== null && argument.inline === null && text === argument.next) queue.shift()
    const before = option.type === 'list' ? given.get(key) : undefined
    given.set(key, {
      text: before ? `${before.text},${text}` : text,
      from: argument.name === null ? 'argument' : 'flag',
    })
  }
  return given
}

function find(command: CommandName, argument: Argument, given: ReadonlyMap<OptionKey, Given>) {
  return optionsOf(command).find(([key, option]) => {
    if ('argument' in option) return argument.name === null && !given.has(key)
    return option.name === argument.name || (option.type === 'flag' && `no-${option.name}` === argument.name)
  })
}

/** Empty when the value is missing: no option accepts that. */
function textOf(option: Option, argument: Argument): string {
  if (option.type !== 'flag')
    return argument.inline ?? (argument.name === null ? argument.written : argument.next) ?? ''
  return argument.inline ?? String(argument.name === option.name)
}

function unexpected(command: CommandName, argument: Argument): string {
  if (argument.name === null)
    return `unexpected argument ${quote(argument.written)}; ${quote(command)} takes no more of them`
  const written = argument.written.replace(/=.*/s, '')
  const elsewhere = allOptions().find(([, option]) => option.name === argument.name && !('argument' in option))?.[1]
  if (elsewhere) return `${written}: not an option of ${quote(command)}, but of ${elsewhere.commands.join(', ')}`
  const names = optionsOf(command).flatMap(([, option]) => ('argument' in option ? [] : option.name))
  return `${written}: unknown option${suggest(written.replace(/^-+/, ''), names, name => `--${name}`)}`
}

/** Short names allow for two slips, since letters changing places count as two. */
function suggest(text: string, known: readonly string[], show: (name: string) => string): string {
  const near = closestMatch(text, known, { maxDistance: Math.max(2, Math.floor(text.length / 3)) })
  return near === undefined ? '' : `; did you mean ${show(near)}?`
}

/** A value that cannot be read is a fault and stays out, so that no invariant is held against it. */
function readValues(
  command: CommandName,
  given: ReadonlyMap<OptionKey, Given>,
  nowMs: number,
  faults: Faults,
): Map<OptionKey, Value> {
  const values = new Map<OptionKey, Value>()
  for (const [key, option] of optionsOf(command)) {
    const { text, from } = given.get(key) ?? { text: null, from: 'argument' }
    if (text === null && !('argument' in option)) {
      values.set(key, Array.isArray(option.default) ? Object.freeze([...option.default]) : option.default)
      continue
    }
    const reading = read(option, text ?? '', nowMs)
    if ('value' in reading) values.set(key, reading.value)
    else faults.push(`${spell(option)} (${from}): expected ${reading.expected}; got ${shown(option, text ?? '')}`)
  }
  return values
}

function read(option: Option, text: string, nowMs: number): Reading {
  switch (option.type) {
    case 'duration':
      return readDuration(text, option.min, option.max)
    case 'integer':
      return readInteger(text, option.min, option.max)
    case 'time':
      return readTime(text, nowMs)
    case 'flag':
      return text === 'true' || text === 'false' ? { value: text === 'true' } : { expected: 'true or false' }
    case 'choice':
      if (option.choices.includes(text)) return { value: text }
      return { expected: `${option.choices.join(', ')}${suggest(text, option.choices, quote)}` }
    case 'list': {
      const items = text.split(',').map(item => item.trim())
      return items.every(option.accepts) ? { value: Object.freeze(items) } : { expected: option.expected }
    }
    case 'text':
      return option.accepts(text) ? { value: text } : { expected: option.expected }
  }
}

function readDuration(text: string, min: number, max: number): Reading {
  const ms = durationMs(text)
  if (ms !== null && ms >= min && ms <= max) return { value: ms }
  const range = `a duration from ${durationText(min)} to ${durationText(max)} with its unit (ms, s, m or h)`
  return { expected: /^\d+$/.test(text) ? `${range}, such as ${text}s or ${text}ms, not a bare number` : range }
}

function readInteger(text: string, min: number, max: number): Reading {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return { value }
  return { expected: `a whole number from ${min} to ${max}` }
}

/** 1970 is early enough, and keeps out of the years that PostgreSQL and JavaScript write differently. */
function readTime(text: string, nowMs: number): Reading {
  const agoMs = durationMs(text)
  const iso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text) && isDay(text.slice(0, 10))
  const ms = agoMs === null ? (iso ? Date.parse(text) : Number.NaN) : nowMs - agoMs
  if (ms >= 0) return { value: new Date(ms).toISOString() }
  return {
    expected: 'an ISO 8601 time with its zone, such as 2026-03-01T12:00:00Z, a day, or a duration ago, such as 2h',
  }
}

/** Date.parse takes 2026-02-31 for the third of March. */
function isDay(day: string): boolean {
  const ms = Date.parse(day)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day)
}

/** `500ms`, `15s`, `5m`, `1h` in milliseconds; null for anything else, a bare number included. */
export function durationMs(text: string): number | null {
  const [, digits, unit = ''] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  const factor = unitMs[unit]
  return factor === undefined ? null : Number(digits) * factor
}

/** The shortest exact text that `durationMs` reads back. */
export function durationText(ms: number): string {
  if (ms === 0) return '0ms'
  const [unit, factor] = Object.entries(unitMs).findLast(([, each]) => ms % each === 0) ?? ['ms', 1]
  return `${ms / factor}${unit}`
}

/** What holds when an option is not given, in the words of the help. */
export function defaultText(option: Option): string {
  if ('otherwise' in option && option.otherwise !== undefined) return option.otherwise
  return option.type === 'duration' ? durationText(option.default) : String(option.default)
}

function holdInvariants(
  read: ReadonlyMap<OptionKey, Value>,
  given: ReadonlyMap<OptionKey, Given>,
  faults: Faults,
): void {
  const values = Object.fromEntries(read) as unknown as Values
  for (const { of, broken, rule } of invariants) {
    if (!of.every(key => read.has(key)) || !broken(values)) continue
    const parts = of.map(key => describe(options[key], given.get(key)))
    faults.push(`${parts.join(', ')}: ${rule}`)
  }
}

/** Such as `--lease 15s (environment variable RINGBACK_LEASE)`. */
function describe(option: Option, given: Given | undefined): string {
  if (given) return `${spell(option)} ${shown(option, given.text)} (${given.from})`
  return `${spell(option)} ${defaultText(option)} (default)`
}

/** A file keeps the password off the command line and out of the environment. Its content becomes `databaseUrl`. */
function resolveDatabaseUrl(values: Map<OptionKey, Value>, faults: Faults): void {
  const file = values.get('databaseUrlFile')
  if (typeof file !== 'string' || values.get('databaseUrl') !== null) return
  try {
    const url = readFileSync(file, 'utf8').trim()
    if (options.databaseUrl.accepts(url)) values.set('databaseUrl', url)
    else
      faults.push(
        `--database-url-file ${quote(file)}: expected that it holds ${options.databaseUrl.expected}; got something else`,
      )
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    faults.push(
      `--database-url-file: expected ${options.databaseUrlFile.expected}; got ${quote(file)}, which cannot be read (${code})`,
    )
  }
}

function spell(option: Option): string {
  return 'argument' in option ? `<${option.name}>` : `--${option.name}`
}

function shown(option: Option, text: string): string {
  if (text === '') return 'nothing'
  if ('secret' in option) return 'a value that is not shown'
  return quote(text)
}

/** Control characters are escaped, so that a fault stays on its line. */
function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
