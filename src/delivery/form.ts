/**
 * A callback's form, from the JSON text that the producer wrote to the body that goes out.
 *
 * The text is read in order and never becomes a JavaScript number or object: a number would round `9007199254740993`,
 * an object would move integer-like keys to the front and keep one of two equal keys.
 */
import { FormError } from './form-error.ts'
import { CLOSE_ARRAY, CLOSE_OBJECT, COLON, JsonTokens, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-tokens.ts'

export { FormError }

/** Far above what 64 KiB of JSON can need (9 bytes a character) unless a repeated field repeats a long name. */
const MAX_BODY_BYTES = 1_048_576

/**
 * The application/x-www-form-urlencoded body of a flat JSON object; pure ASCII, so its length is its number of bytes.
 *
 * A string, a number or a boolean becomes one field, an array of those a repeated field, null none. Fields keep their
 * order, numbers their digits (`1.50`, `1e400`, `-0`), equal keys are all sent. `{}` and `{"a": null}` give `''`.
 *
 * @throws FormError for text that is not JSON, for anything but an object at the top, for a nested object or array, for
 *   null inside an array, and for a body above 1 MiB.
 */
export function encodeForm(json: string): string {
  return new FormReader(json).body()
}

class FormReader {
  readonly #tokens: JsonTokens
  #body = ''
  /** The field being read, percent-encoded as it goes out. */
  #key = ''

  constructor(json: string) {
    this.#tokens = new JsonTokens(json)
  }

  body(): string {
    const tokens = this.#tokens
    if (tokens.next() !== OPEN_OBJECT) throw new FormError('form: expected a JSON object, {"field": value, ...}')
    if (!tokens.empty(CLOSE_OBJECT)) this.#fields()
    tokens.end()
    return this.#body
  }

  #fields(): void {
    const tokens = this.#tokens
    do {
      if (tokens.next() !== QUOTE) throw tokens.malformed('a field name in double quotes')
      this.#key = tokens.string()
      tokens.expect(COLON, '":"')
      this.#value()
    } while (tokens.more(CLOSE_OBJECT, '"," or "}"'))
  }

  #value(): void {
    const first = this.#tokens.next()
    if (first === OPEN_ARRAY) this.#array()
    else if (first === OPEN_OBJECT) throw this.#unsendable('a nested object')
    else if (!this.#tokens.word('null')) this.#field(this.#tokens.scalar(first))
  }

  #array(): void {
    const tokens = this.#tokens
    if (tokens.empty(CLOSE_ARRAY)) return
    do {
      const first = tokens.next()
      if (first === OPEN_ARRAY) throw this.#unsendable('an array inside an array')
      if (first === OPEN_OBJECT) throw this.#unsendable('an object inside an array')
      if (tokens.word('null')) throw this.#unsendable('null inside an array')
      this.#field(tokens.scalar(first))
    } while (tokens.more(CLOSE_ARRAY, '"," or "]"'))
  }

  #field(value: string): void {
    // Only the first field finds the body empty: even `{"": ""}` leaves a "=".
    this.#body += this.#body === '' ? `${this.#key}=${value}` : `&${this.#key}=${value}`
    // A long name with a long array is sent once an element: 64 KiB of JSON could make hundreds of megabytes.
    if (this.#body.length > MAX_BODY_BYTES) throw this.#fault(`the body would exceed ${MAX_BODY_BYTES} bytes`)
  }

  #unsendable(what: string): FormError {
    return this.#fault(
      `${what} cannot be sent; accepted are a string, a number, true, false, an array of those, or null to leave it out`,
    )
  }

  #fault(fault: string): FormError {
    const field = decodeURIComponent(this.#key.replaceAll('+', ' ')).slice(0, 60)
    return new FormError(`form: field ${JSON.stringify(field)}: ${fault}`)
  }
}
