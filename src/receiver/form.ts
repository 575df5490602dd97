/** The longest body that Ringback sends. */
const MAX_BYTES = 1_048_576

/** The body is not a form. */
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
 * Parses an application/x-www-form-urlencoded body. Fields keep their order. A name may come more than once:
 * `get('flowId')` is its first value, `getAll('tag')` are all of them.
 *
 * Values are text. Use `BigInt()` for large ids: `Number()` rounds integers above 9007199254740991.
 *
 * @throws FormError `too_large` above 1 MiB.
 * @throws FormError `malformed` for a character that should be percent-encoded, a `%` without two hexadecimal digits,
 *   or bytes that are not UTF-8. `URLSearchParams` alone would guess instead.
 */
export function parse(body: string | Uint8Array): URLSearchParams {
  if (body.length > MAX_BYTES) throw new FormError('too_large', `body: ${body.length} bytes, above ${MAX_BYTES}`)
  // In latin1 a byte above 127 becomes one character, which the next check refuses.
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
  // URLSearchParams drops a "?" at the beginning. After this "&" it keeps it.
  return new URLSearchParams(`&${text}`)
}
