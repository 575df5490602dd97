/** Node's `request.headers`, a `Headers` object of fetch, or a plain record with names in any case. */
export type Headers =
  | { readonly [name: string]: string | readonly string[] | undefined }
  | { get(name: string): string | null }

/** What the headers say about one POST. */
export interface Arrival {
  /** `webhook-id`: identifies the callback. All its attempts and replays have the same one. */
  readonly messageId: string
  /** `webhook-attempt`: 1, 2, ...; null when absent or not a number. For logs only: no signature covers it. */
  readonly attempt: number | null
  /** `webhook-timestamp`: when this attempt was sent, in Unix seconds, by the sending relay's clock. */
  readonly sentAt: number
}

/** Why a POST was refused. The message may be logged and sent back: it quotes no key and no signature. */
export class VerificationError extends Error {
  override readonly name = 'VerificationError'
  /** Stable; never reworded. */
  readonly code: 'missing_header' | 'malformed_header' | 'too_old' | 'too_new' | 'no_match'

  constructor(code: VerificationError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/**
 * Reads the headers and checks no signature. A receiver that has a key calls `verify` instead.
 *
 * @throws VerificationError `missing_header`, `malformed_header`.
 */
export function arrivalOf(headers: Headers): Arrival {
  const messageId = headerOf(headers, 'webhook-id')
  if (!/^[\x21-\x7e]{1,255}$/.test(messageId)) throw malformed('webhook-id', '1 to 255 visible ASCII characters')
  const sentAt = headerOf(headers, 'webhook-timestamp')
  if (!/^[0-9]{1,11}$/.test(sentAt)) throw malformed('webhook-timestamp', 'Unix seconds, digits only')
  const attempt = valueIn(headers, 'webhook-attempt')
  return {
    messageId,
    attempt: attempt !== null && /^[0-9]{1,9}$/.test(attempt) ? Number(attempt) : null,
    sentAt: Number(sentAt),
  }
}

/** @throws VerificationError `missing_header` for none or an empty one, `malformed_header` for several. */
export function headerOf(headers: Headers, name: string): string {
  const value = valueIn(headers, name)
  if (value === null || value === '') throw new VerificationError('missing_header', `no header ${name}`)
  return value
}

function valueIn(headers: Headers, name: string): string | null {
  if (isGetter(headers)) return headers.get(name) ?? null
  // Several values, in a list or under two spellings of the name: it would be a guess which one counts.
  const values = Object.entries(headers).flatMap(([key, value]) => (key.toLowerCase() === name ? (value ?? []) : []))
  if (values.length > 1) throw malformed(name, 'one value')
  return values[0] ?? null
}

function isGetter(headers: Headers): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function'
}

function malformed(name: string, expected: string): VerificationError {
  return new VerificationError('malformed_header', `header ${name}: expected ${expected}`)
}
