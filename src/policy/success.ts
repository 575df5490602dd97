/**
 * A receiver's rule for a 2xx: some receivers answer 200 and report their failure in the body. docs/reference/wire.md
 * has a table of answers and outcomes, and a test posts each of them.
 */
import type { OutcomeKind } from '../model.ts'
import { printableJson } from '../printable.ts'
import { jsonAsWritten, valueAt } from './json-pointer.ts'

export interface SuccessRule {
  /** Accepted statuses, 200 to 299; empty: all of them. */
  readonly statuses: readonly number[]
  /** null: the body is not read. */
  readonly body: BodyRule | null
  /** The outcome of an answer that does not meet the rule. */
  readonly mismatch: 'failed' | 'rejected'
}

export type BodyRule = ValueRule | { readonly contains: string } | { readonly lacks: string }

interface ValueRule {
  /** JSON Pointer. */
  readonly pointer: string
  /** The accepted values: a string by its content; a number, a boolean and null by its JSON text. */
  readonly equals: readonly string[]
}

/** A 2xx and its body. */
export interface Answer {
  readonly status: number
  /** As far as it was read. */
  readonly body: string
  /** Why the end of the body was not read; null: it was read. */
  readonly cut: string | null
  /** The body has a content-encoding. It is never decoded. */
  readonly isEncoded: boolean
  /** False: nothing of the body may be stored or quoted. */
  readonly isKept: boolean
}

interface Judgement {
  readonly kind: OutcomeKind
  /** null when delivered. */
  readonly error: string | null
}

interface Fault {
  readonly kind: OutcomeKind
  readonly why: string
}

/** Most characters of a value that a reason quotes. */
const mostQuoted = 60

/**
 * The outcome of a 2xx. A body that cannot be judged is never a refusal, whatever `mismatch` says: it is `failed` if
 * compressed or not JSON, and `unknown` if its end was not read.
 */
export function judge({ statuses, body, mismatch }: SuccessRule, answer: Answer): Judgement {
  const { status } = answer
  if (statuses.length > 0 && !statuses.includes(status))
    return { kind: mismatch, error: `answered ${status}, not ${oneOf(statuses)}` }
  const fault = body === null ? null : faultOf(answer, body, mismatch)
  if (fault === null) return { kind: 'delivered', error: null }
  return { kind: fault.kind, error: `answered ${status}, but ${fault.why}` }
}

function faultOf({ body, cut, isEncoded, isKept }: Answer, asked: BodyRule, mismatch: OutcomeKind): Fault | null {
  if (cut !== null) return { kind: 'unknown', why: cut }
  if (isEncoded) return { kind: 'failed', why: 'the body is compressed' }
  if ('contains' in asked)
    return body.includes(asked.contains) ? null : { kind: mismatch, why: `the body lacks ${quoted(asked.contains)}` }
  if ('lacks' in asked)
    return body.includes(asked.lacks) ? { kind: mismatch, why: `the body contains ${quoted(asked.lacks)}` } : null
  if (body === '') return { kind: 'failed', why: 'the body is empty' }
  let whole: unknown
  try {
    whole = jsonAsWritten(body)
  } catch {
    return { kind: 'failed', why: 'the body is not JSON' }
  }
  const why = whyOther(valueAt(whole, asked.pointer), asked, isKept)
  return why === null ? null : { kind: mismatch, why }
}

/** Why the value does not match, such as `/code is 500, not 0 or 200`; null: it matches. */
function whyOther(value: unknown, { pointer, equals }: ValueRule, isKept: boolean): string | null {
  if (value === undefined) return `the body has no ${pointer}`
  const isNested = typeof value === 'object' && value !== null
  if (!isNested && equals.includes(String(value))) return null
  const came = Array.isArray(value) ? 'an array' : isNested ? 'an object' : scalar(String(value))
  return `${placeOf(pointer)} is ${isKept ? `${came}, ` : ''}not ${oneOf(equals.map(scalar))}`
}

/** The rule in words, such as `200 or 202, and /code is 0; else rejected`. */
export function successText({ statuses, body, mismatch }: SuccessRule): string {
  const status = statuses.length > 0 ? oneOf(statuses) : '2xx'
  return `${status}${body === null ? '' : `, and ${bodyText(body)}`}; else ${mismatch}`
}

function bodyText(asked: BodyRule): string {
  if ('contains' in asked) return `the body contains ${quoted(asked.contains)}`
  if ('lacks' in asked) return `the body lacks ${quoted(asked.lacks)}`
  return `${placeOf(asked.pointer)} is ${oneOf(asked.equals.map(scalar))}`
}

function placeOf(pointer: string): string {
  return pointer === '' ? 'the body' : pointer
}

/** The value as JSON writes it, as far as its text tells: `"200"` and `200` look the same here. */
function scalar(text: string): string {
  return /^(-?\d[\d.eE+-]*|true|false|null)$/.test(text) ? text : quoted(text)
}

function quoted(text: string): string {
  return printableJson(text.length > mostQuoted ? `${text.slice(0, mostQuoted)}…` : text)
}

function oneOf(items: readonly (string | number)[]): string {
  const last = items.at(-1)
  return items.length === 1 ? `${last}` : `${items.slice(0, -1).join(', ')} or ${last}`
}
