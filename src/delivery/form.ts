/**
 * Turns a callback's form, JSON, into the body of its POST, token by token. A JavaScript number would round large ids.
 * An object would move integer-like keys to the front and keep one of two equal keys.
 */
import { maxBodyBytes } from '../policy/tuning.ts'

/** The form cannot be sent, now or later. The message never quotes a value. */
export class FormError extends Error {
  readonly code = 'RINGBACK_FORM'
  override readonly name = 'FormError'
}

/** One token of valid JSON: a string, a bracket, or a number or word. */
const token = /"(?:[^"\\]|\\.)*"|[[\]{}]|[^\s[\]{}:,"]+/g

/**
 * The application/x-www-form-urlencoded body of a flat JSON object. It is pure ASCII, so its length is its number of
 * bytes.
 *
 * - A string, a number or a boolean becomes one field; an array of them becomes a repeated field; null becomes none. So
 *   `{}` and `{"a": null}` give `''`.
 * - Fields keep their order, numbers their digits (`1.50`, `1e400`, `-0`). Equal keys are all sent.
 * - Strings are encoded as by `URLSearchParams` (WHATWG URL standard). A lone surrogate becomes U+FFFD.
 *
 * @throws FormError for text that is not a JSON object, a nested object or array, null inside an array, or a body above
 *   1 MiB. The domain `outbox.form` already refuses all of these but the last.
 */
export function encodeForm(json: string): string {
  requireObject(json)
  const fields = new URLSearchParams()
  /** Of the names in arrays alone. */
  let length = 0
  let nameLength = 0
  /** The field whose value is being read. */
  let name: string | undefined
  let isArray = false
  for (const text of json.match(token) ?? []) {
    if (name === undefined) {
      if (text.startsWith('"')) name = stringOf(text)
    } else if (isArray ? text === ']' : text === 'null') {
      name = undefined
      isArray = false
    } else if (text === '[' && !isArray) {
      isArray = true
      nameLength = new URLSearchParams([[name, '']]).toString().length
    } else if (text === '{' || text === '[' || text === 'null') {
      throw nested(name, text, isArray)
    } else {
      fields.append(name, text.startsWith('"') ? stringOf(text) : text)
      if (isArray) length += nameLength
      else name = undefined
      // An array repeats its name: 64 KiB of JSON could become hundreds of megabytes.
      if (length > maxBodyBytes) throw tooLong()
    }
  }
  const body = fields.toString()
  if (body.length > maxBodyBytes) throw tooLong()
  return body
}

function requireObject(json: string): void {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // The parser's message would quote the text.
    throw new FormError('form: not JSON')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw new FormError('form: expected a JSON object, {"field": value, ...}')
}

function stringOf(text: string): string {
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1)
}

function tooLong(): FormError {
  return new FormError(`form: the body would exceed ${maxBodyBytes} bytes`)
}

function nested(name: string, text: string, isArray: boolean): FormError {
  const what = text === '{' ? 'an object' : text === '[' ? 'an array' : 'null'
  const where = isArray ? `${what} inside an array` : 'a nested object'
  return new FormError(
    `form: field ${JSON.stringify(name.slice(0, 60))}: ${where} cannot be sent; accepted are a string, a number, true, false, an array of those, or null to leave it out`,
  )
}
