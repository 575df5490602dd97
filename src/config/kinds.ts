/** The kinds of options: duration, whole number, text, several texts, one of some words, on or off, time. */
import * as v from 'valibot'
import { fileOf } from './configured-file.ts'
import { durationMs, durationText } from './duration.ts'
import { accepts, type Expected, reads, type Schema } from './reading.ts'
import { quote, suggest } from './wording.ts'

/** An option of any kind, as the command line, the environment and the help use it. */
export interface Kind extends Details {
  /** Without dashes. */
  readonly name: string
  /** The name of the value in the help; null: a flag, which has no value. */
  readonly value: string | null
  /** The schema of the text; with `nowMs`, if the value is relative to the present time. */
  readonly schema: Schema<unknown> | ((nowMs: number) => Schema<unknown>)
  readonly default: unknown
  /** The unit of a number, for the help. */
  readonly unit?: string
  /** All possible values, if they are words. */
  readonly choices?: readonly string[]
  /** The possible values, for the help. */
  readonly limits?: string
  /** May be repeated, or separated by commas. */
  readonly isList?: true
  /**
   * One paragraph: what it does, special values, relation to other options. `usage` adds default, range and variable.
   */
  readonly help: string
}

interface Details {
  /** What applies without the option, in words, if `default` does not say it. */
  readonly otherwise?: string
  /** How a fault repeats the text. Default: in quotes. */
  readonly show?: (text: string) => string
  /** A second environment variable, read if the first is not set. */
  readonly alsoVariable?: string
  /** An argument instead of a flag; it has no environment variable. */
  readonly argument?: 'required' | 'optional'
}

/** Which texts are accepted, and how a fault describes them. */
interface Accepted {
  readonly accepts: (text: string) => boolean
  readonly expected: Expected
}

/** In the unit of the value. */
interface Range {
  readonly min: number
  readonly max: number
}

/** The result of `duration` and the other kinds, before the help is added. */
function described<const K>(kind: K): { help(text: string): K & { readonly help: string } } {
  return { help: text => ({ ...kind, help: text }) }
}

/** In milliseconds. */
export function duration(name: string, range: Range & { readonly default: number }) {
  const limits = `${durationText(range.min)} to ${durationText(range.max)}`
  const expected = `a duration from ${limits} with its unit (ms, s, m, h or d)`
  const schema = reads(
    text => (/^\d+$/.test(text) ? `${expected}, such as ${text}s or ${text}ms, not a bare number` : expected),
    text => within(range, durationMs(text)),
  )
  return described({ name, value: 'DURATION', schema, ...range, limits: `Range: ${limits}.` })
}

/** An age in milliseconds; `never` is Infinity. With `zero`, 0 is allowed, even without a unit. */
export function ageOrNever(
  name: string,
  { zero = false, ...range }: Range & { readonly default: number; readonly zero?: boolean },
) {
  const limits = `${durationText(range.min)} to ${durationText(range.max)}`
  const expected = `${zero ? 'never, 0' : 'never'} or a duration from ${limits} with its unit, such as 30d`
  const schema = reads(expected, text => {
    if (text === 'never') return Number.POSITIVE_INFINITY
    return zero && /^0(ms|s|m|h|d)?$/.test(text) ? 0 : within(range, durationMs(text))
  })
  return described({
    name,
    value: 'DURATION',
    schema,
    ...range,
    limits: `Range: ${limits}, ${zero ? '0 or never' : 'or never'}.`,
  })
}

/** @param range with `default: null`, `otherwise` says in words what applies without the option. */
export function integer<const D extends number | null>(
  name: string,
  unit: string,
  range: Range & { readonly default: D; readonly otherwise?: string },
) {
  const limits = `Range: ${range.min} to ${range.max}.`
  return described({ name, value: 'N', schema: wholeNumber(range), ...range, unit, limits })
}

export function wholeNumber(range: Range) {
  return reads(`a whole number from ${range.min} to ${range.max}`, text =>
    within(range, /^\d+$/.test(text) ? Number(text) : null),
  )
}

function within({ min, max }: Range, value: number | null): number | null {
  return value !== null && value >= min && value <= max ? value : null
}

export function text<const D extends Details & Accepted & { readonly default: string | null }>(
  name: string,
  value: string,
  details: D,
) {
  const schema = accepts(details.expected, details.accepts, details.show)
  return described({ name, value, schema, ...details })
}

/** A text, parsed by `read`. @param read null: it does not accept the text. */
export function parsed<const T, const D extends Details & { readonly default: T | null; readonly expected: string }>(
  name: string,
  value: string,
  read: (text: string) => T | null,
  details: D,
) {
  return described({ name, value, schema: reads(details.expected, read, details.show), ...details })
}

/** The trimmed text of a file that only its owner may use. */
export function secretFile(name: string, what: string, accepts: (text: string) => boolean, otherwise: string) {
  const schema = fileOf('', what, 'secret', content => (accepts(content.trim()) ? content.trim() : null))
  const none: string | null = null
  return described({ name, value: 'FILE', schema, default: none, otherwise })
}

export function texts(name: string, value: string, details: Accepted & { readonly otherwise: string }) {
  const schema = v.pipe(
    v.string(),
    v.transform(text => text.split(',').map(item => item.trim())),
    v.array(accepts(details.expected, details.accepts)),
    v.transform((items): readonly string[] => Object.freeze(items)),
  )
  const none: readonly string[] = Object.freeze([])
  return described({ name, value, schema, default: none, otherwise: details.otherwise, isList: true })
}

/** @param byDefault null only for an argument, without which the command cannot run. */
export function choice<const W extends string, const D extends NoInfer<W> | null>(
  name: string,
  value: string,
  choices: readonly W[],
  byDefault: D,
) {
  const schema = reads(
    text => `${choices.join(', ')}${suggest(text, choices, quote)}`,
    text => choices.find(each => each === text) ?? null,
  )
  return described({ name, value, schema, default: byDefault, choices, limits: `One of: ${choices.join(', ')}.` })
}

export function flag(name: string, byDefault: boolean) {
  const schema = reads<boolean>('true or false', text => (/^(true|false)$/.test(text) ? text === 'true' : null))
  return described({ name, value: null, schema, default: byDefault })
}

/** A time in ISO 8601, or a duration ago. The value is ISO 8601 in UTC. */
export function moment(name: string, otherwise: string) {
  const schema = (nowMs: number) =>
    reads(
      'an ISO 8601 time with its zone, such as 2026-03-01T12:00:00Z, a day, or a duration ago, such as 2h',
      text => {
        const agoMs = durationMs(text)
        const ms = agoMs === null ? isoMs(text) : nowMs - agoMs
        // No time before 1970: PostgreSQL and JavaScript write early years differently.
        return ms >= 0 ? new Date(ms).toISOString() : null
      },
    )
  return described({ name, value: 'TIME', schema, default: null, otherwise })
}

/** Unix milliseconds; NaN for a date that does not exist. Date.parse would read 2026-02-31 as the third of March. */
function isoMs(text: string): number {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) return Number.NaN
  const day = text.slice(0, 10)
  const ms = Date.parse(day)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day) ? Date.parse(text) : Number.NaN
}
