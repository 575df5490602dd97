import { FormError } from './form-error.ts'
import { percentEncode, UNRESERVED } from './percent.ts'

export const QUOTE = 0x22
export const COLON = 0x3a
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d

const TAB = 0x09
const NEWLINE = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const BACKSLASH = 0x5c
const LOWER_E = 0x65

/**
 * The tokens of a JSON text (RFC 8259), one after the other; strings and numbers come out percent-encoded for a form.
 * Characters are told by their codes: past the end `charCodeAt` gives NaN, which equals no code.
 */
export class JsonTokens {
  readonly #json: string
  /** The next character to read. */
  #at = 0

  constructor(json: string) {
    this.#json = json
  }

  /** The code of the next character that is not white space, without taking it. */
  next(): number {
    let code = this.#code()
    while (code === SPACE || code === NEWLINE || code === RETURN || code === TAB) {
      this.#at++
      code = this.#code()
    }
    return code
  }

  /** Takes the opening bracket; true when `close` follows at once, which is then taken too. */
  empty(close: number): boolean {
    this.#at++
    if (this.next() !== close) return false
    this.#at++
    return true
  }

  /** After a field or an element: true when another follows, false when `close` ended the list. */
  more(close: number, expected: string): boolean {
    const code = this.next()
    if (code !== COMMA && code !== close) throw this.malformed(expected)
    this.#at++
    return code === COMMA
  }

  expect(wanted: number, expected: string): void {
    if (this.next() !== wanted) throw this.malformed(expected)
    this.#at++
  }

  end(): void {
    if (!Number.isNaN(this.next())) throw this.malformed('the end')
  }

  /** Takes `word` when it is next. What follows a word is checked by whoever reads on. */
  word(word: string): boolean {
    if (!this.#json.startsWith(word, this.#at)) return false
    this.#at += word.length
    return true
  }

  /** The string, number or boolean that begins with the code `first`. */
  scalar(first: number): string {
    if (first === QUOTE) return this.string()
    if (first === MINUS || isDigit(first)) return this.#number()
    if (this.word('true')) return 'true'
    if (this.word('false')) return 'false'
    throw this.malformed('a value')
  }

  /** Most strings are unreserved characters alone and leave as a slice of the text. */
  string(): string {
    const json = this.#json
    const start = ++this.#at
    let at = start
    while (UNRESERVED[json.charCodeAt(at)]) at++
    this.#at = at
    if (json.charCodeAt(at) !== QUOTE) return this.#encodedString(start)
    this.#at++
    return json.slice(start, at)
  }

  malformed(expected: string): FormError {
    const at = Math.min(this.#at, this.#json.length) + 1
    return new FormError(`form: not JSON: expected ${expected} at character ${at}`)
  }

  /** A string with anything else in it. `JSON.parse` of the token alone decodes the escapes and refuses unknown ones. */
  #encodedString(start: number): string {
    const escaped = this.#findClosingQuote()
    const end = this.#at++
    if (!escaped) return percentEncode(this.#json.slice(start, end))
    let text: string
    try {
      text = JSON.parse(this.#json.slice(start - 1, end + 1))
    } catch {
      this.#at = start - 1
      throw this.malformed('a string without unknown escapes')
    }
    return percentEncode(text)
  }

  /** Moves on to the string's closing quote; true when an escape was seen on the way. */
  #findClosingQuote(): boolean {
    let escaped = false
    for (;;) {
      const code = this.#code()
      if (code === QUOTE) return escaped
      if (!(code >= SPACE)) throw this.malformed('a closing quote, or a control character written as an escape')
      if (code === BACKSLASH) escaped = true
      this.#at += code === BACKSLASH ? 2 : 1
    }
  }

  /** The number exactly as written; of its characters only the plus of an exponent needs encoding. */
  #number(): string {
    const start = this.#at
    if (this.#code() === MINUS) this.#at++
    if (this.#code() === ZERO) this.#at++
    else this.#digits()
    if (this.#code() === DOT) this.#digits(++this.#at)
    if ((this.#code() | SPACE) !== LOWER_E) return this.#json.slice(start, this.#at)
    this.#at++
    const sign = this.#code()
    if (sign === PLUS || sign === MINUS) this.#at++
    this.#digits()
    return this.#json.slice(start, this.#at).replace('+', '%2B')
  }

  #digits(start = this.#at): void {
    while (isDigit(this.#code())) this.#at++
    if (this.#at === start) throw this.malformed('a digit')
  }

  #code(): number {
    return this.#json.charCodeAt(this.#at)
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}
