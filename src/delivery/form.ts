/**
 * A callback's form, from the JSON text that the producer wrote to the body that goes out.
 *
 * The text is read token by token and never becomes a JavaScript number or object: a number would round
 * `9007199254740993`, an object would move integer-like keys to the front and keep one of two equal keys.
 */
import { maxBodyBytes } from '../policy/tuning.ts'

/** The form cannot be sent as it is written; sending it again later would not help. The message never quotes a value. */
export class FormError extends Error {
  readonly code = 'RINGBACK_FORM'
  override readonly name = 'FormError'
}

/** Of a text that is known to be JSON: a string, a bracket, or what stands between others (a number or a word). */
const token = /"(?:[^"\\]|\\.)*"|[[\]{}]|[^\s[\]{}:,"]+/g

/**
 * The application/x-www-form-urlencoded body of a flat JSON object; pure ASCII, so its length is its number of bytes.
 *
 * A string, a number or a boolean becomes one field, an array of those a repeated field, null none. Fields keep their
 * order, numbers their digits (`1.50`, `1e400`, `-0`), equal keys are all sent. `{}` and `{"a": null}` give `''`.
 * Strings are encoded as `URLSearchParams` does (WHATWG URL standard); a lone surrogate goes out as U+FFFD.
 *
 * @throws FormError for text that is not JSON, for anything but an object at the top, for a nested object or array, for
 *   null inside an array, and for a body above 1 MiB. The domain `outbox.form` lets in nothing of that but the last.
 */
export function encodeForm(json: string): string {
  requireObject(json)
  const fields = new URLSearchParams()
  let length = 0
  /** Of the field whose value is being read. */
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
    } else if (text === '{' || text === '[' || text === 'null') {
      throw nested(name, text, isArray)
    } else {
      fields.append(name, text.startsWith('"') ? stringOf(text) : text)
      length += name.length + text.length
      // A long name with a long array is sent once an element: 64 KiB of JSON could make hundreds of megabytes.
      if (length > 2 * maxBodyBytes) throw tooLong()
      if (!isArray) name = undefined
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
    // The parser's own message quotes the text.
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
