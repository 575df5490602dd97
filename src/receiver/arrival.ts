/** What Node's `request.headers`, a `Headers` object or a plain record of any case is. */
export type Headers =
  | { readonly [name: string]: string | readonly string[] | undefined }
  | { get(name: string): string | null }

/** One POST, by its headers. */
export interface Arrival {
  /** `webhook-id`: the same for every attempt and replay of a callback, and of no other callback. */
  readonly messageId: string
  /** `webhook-attempt`: 1, 2, ... null when the sender does not say. For logs: no signature covers it. */
  readonly attempt: number | null
  /** `webhook-timestamp`: when this attempt was sent, in Unix seconds by the clock of the relay that sent it. */
  readonly sentAt: number
}

/** Why an arrival was refused. The message is fit for a log and for the answer: it quotes neither keys nor signatures. */
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
 * Reads the headers and believes them. For a receiver that shares no key with its sender; where there is one, call `verify`.
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

/** @throws VerificationError when there is none. */
export function headerOf(headers: Headers, name: string): string {
  const value = valueIn(headers, name)
  if (value === null || value === '') throw new VerificationError('missing_header', `no header ${name}`)
  return value
}

function valueIn(headers: Headers, name: string): string | null {
  if (isGetter(headers)) return headers.get(name) ?? null
  // Two spellings of one name, or a list: which one counts is not for us to guess.
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
