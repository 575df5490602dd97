/**
 * What a receiver's rule asks of a 2xx: some receivers answer 200 and say in the body that they failed. docs/reference/wire.md
 * has a table of answers and outcomes, and a test posts each of them.
 */
import type { OutcomeKind } from '../model.ts'
import { printableJson } from '../printable.ts'
import { jsonAsWritten, valueAt } from './json-pointer.ts'

export interface SuccessRule {
  /** Of 200 to 299; empty: all of them. */
  readonly statuses: readonly number[]
  /** null: the body is not read. */
  readonly body: BodyRule | null
  /** How an attempt ends whose answer is another one. */
  readonly mismatch: 'failed' | 'rejected'
}

export type BodyRule = ValueRule | { readonly contains: string } | { readonly lacks: string }

interface ValueRule {
  /** JSON Pointer. */
  readonly pointer: string
  /** The value is one of these: a string by its content; a number, a boolean and null by its JSON text. */
  readonly equals: readonly string[]
}

/** A 2xx and its body. */
export interface Answer {
  readonly status: number
  /** As far as it was read. */
  readonly body: string
  /** Why its end was not read; null: it was. */
  readonly cut: string | null
  /** It has a content-encoding, and is never unpacked. */
  readonly isEncoded: boolean
  /** False: nothing of it may be kept, nor quoted in the reason. */
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

/** Characters of a value that a reason quotes. */
const mostQuoted = 60

/**
 * How an attempt ended that was answered with a 2xx. A body that cannot be judged does not say "never again", whatever
 * `mismatch` is: compressed or no JSON it is `failed`, and `unknown` when its end was not read.
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

/** Such as `/code is 500, not 0 or 200`; null: it is one of those. */
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

/** As JSON writes it, as far as the text says: `"200"` and `200` are equal here. */
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
