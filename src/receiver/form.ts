/** The most that Ringback sends. */
const MAX_BYTES = 1_048_576

/** A body that is no form. */
export class FormError extends Error {
  override readonly name = 'FormError'
  /** Stable; never reworded. */
  readonly code: 'too_large' | 'malformed'

  constructor(code: FormError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/**
 * The fields of an application/x-www-form-urlencoded body: in the order sent, repeated fields and all. `get('flowId')` gives
 * the first of a name, `getAll('tag')` every one.
 *
 * Values are text. `Number()` may round an id: JavaScript has no exact integers above 9007199254740991; `BigInt()` has.
 *
 * @throws FormError `too_large` above 1 MiB, which Ringback does not exceed; `malformed` for a character that should be
 *   percent-encoded, a `%` without two hexadecimal digits, bytes that are not UTF-8. `URLSearchParams` alone would repair
 *   those without a word.
 */
export function parse(body: string | Uint8Array): URLSearchParams {
  if (body.length > MAX_BYTES) throw new FormError('too_large', `body: ${body.length} bytes, above ${MAX_BYTES}`)
  // Bytes above 127 stay single characters, and are refused below.
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('latin1')
  const foreign = text.search(/[^\x21-\x7e]/)
  if (foreign >= 0) throw new FormError('malformed', `body: a character at ${foreign} that is not percent-encoded`)
  try {
    decodeURIComponent(text)
  } catch {
    throw new FormError(
      'malformed',
      'body: a % that is not followed by two hexadecimal digits, or bytes that are not UTF-8',
    )
  }
  // Behind a "&" of ours, since a "?" at the very beginning would be dropped.
  return new URLSearchParams(`&${text}`)
}
