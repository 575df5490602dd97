import type { Claim, Outcome } from '../model.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { traceContextOf } from '../trace-context.ts'
import { Exchange, type ExchangeOptions, type Request } from './exchange.ts'
import { encodeForm, FormError } from './form.ts'
import { signature } from './signature.ts'

const contentTypes = { form: 'application/x-www-form-urlencoded; charset=UTF-8', json: 'application/json' } as const

type PostSettings = Pick<DestinationSettings, 'body' | 'deadlineMs' | 'headers' | 'retry' | 'success' | 'signingKeys'>

export interface PostOptions extends ExchangeOptions {
  /**
   * The settings of an origin, for every attempt. `deadlineMs` covers the whole attempt, from the wait for a connection
   * to the last byte read; a 1xx does not extend it.
   */
  readonly settingsOf: (origin: string) => PostSettings
  /** Ringback's version, for `user-agent`. */
  readonly version: string
}

/**
 * POSTs one callback. Every fault of a receiver, of the network or of a row is an outcome, and not an exception.
 * `not_sent` means that provably no byte left. No request is repeated, and no redirect followed.
 */
export async function post(claim: Claim, options: PostOptions): Promise<Outcome> {
  const startedAtMs = performance.now()
  const url = httpUrl(claim.url)
  if (url === null) return unsent('the url cannot be called: no URL parser takes it', startedAtMs)
  const settings = options.settingsOf(claim.origin)
  let body: string
  try {
    body = settings.body === 'json' ? claim.form : encodeForm(claim.form)
  } catch (error) {
    if (error instanceof FormError) return unsent(error.message, startedAtMs)
    throw error
  }
  const headers = headersOf(claim, options.version, body, settings)
  const { deadlineMs, retry, success } = settings
  const request: Request = { url, body, headers, deadlineMs, retry, success }
  const exchange = new Exchange(claim, request, startedAtMs, options)
  options.pool.acquire(claim.origin, exchange)
  const outcome = await exchange.outcome
  if (exchange.connection !== null) options.pool.release(exchange.connection)
  return outcome
}

/** Names and values in turn. undici writes `host`, `connection` and `content-length`. */
function headersOf(
  claim: Claim,
  version: string,
  body: string,
  { body: kind, headers: more, signingKeys }: Pick<DestinationSettings, 'body' | 'headers' | 'signingKeys'>,
): string[] {
  const timestamp = String(Math.floor(Date.now() / 1_000))
  const headers = [
    'content-type',
    contentTypes[kind],
    'webhook-id',
    claim.messageId,
    'idempotency-key',
    claim.messageId,
    'webhook-attempt',
    String(claim.attempt),
    'webhook-timestamp',
    timestamp,
    'user-agent',
    `Ringback/${version}`,
  ]
  // As curl does: web application firewalls block requests without `accept`.
  if (!more.some((name, i) => i % 2 === 0 && name === 'accept')) headers.push('accept', '*/*')
  if (signingKeys.length > 0)
    headers.push('webhook-signature', signature(signingKeys, claim.messageId, timestamp, body))
  if (claim.traceparent !== null && traceContextOf(claim.traceparent) !== null)
    headers.push('traceparent', claim.traceparent)
  for (const each of more) headers.push(each)
  return headers
}

function httpUrl(text: string): URL | null {
  try {
    const url = new URL(text)
    return url.protocol === 'http:' || url.protocol === 'https:' ? url : null
  } catch {
    return null
  }
}

/** A row that cannot be sent, now or later. */
function unsent(error: string, startedAtMs: number): Outcome {
  return {
    kind: 'rejected',
    httpStatus: null,
    error,
    responseExcerpt: null,
    retryAfterMs: null,
    startedAtMs,
    finishedAtMs: performance.now(),
  }
}
