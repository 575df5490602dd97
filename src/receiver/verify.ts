import { createHmac, type KeyObject, timingSafeEqual, verify as verifySignature } from 'node:crypto'
import { type Arrival, arrivalOf, type Headers, headerOf, VerificationError } from './arrival.ts'
import { finite } from './finite.ts'
import { keysOf } from './keys.ts'

export interface VerifyOptions {
  /** How far `webhook-timestamp` may be before or after this machine's clock, in seconds. Default 300. */
  readonly toleranceSeconds?: number
  /** Unix time in milliseconds. Default: now. */
  readonly nowMs?: number
}

/**
 * Verifies a POST by Standard Webhooks (https://www.standardwebhooks.com). A signature covers
 * `<webhook-id>.<webhook-timestamp>.<body>`: `v1` is HMAC-SHA256 with a secret, `v1a` is ed25519 with a public key. One
 * match of any signature with any key is enough, so the two sides can change keys one after the other. HMACs are
 * compared in constant time.
 *
 * A recorded POST passes again while its timestamp is within the tolerance, as the relay's own second copy must.
 * `receive` gives it no second effect.
 *
 * @param body the raw bytes, before any parser. A string is encoded as UTF-8.
 * @param keys `whsec_` and base64 of a secret of 24 to 64 bytes, or `whpk_` and base64 of a public key of 32 bytes.
 *   Several go into a list, or into one text, one a line.
 * @returns what the headers say. The signature does not cover `attempt`.
 * @throws VerificationError for a POST that must not be trusted.
 * @throws TypeError for a wrong call: an invalid key, a body that has been parsed, an option that is not a finite
 *   number.
 */
export function verify(
  headers: Headers,
  body: string | Uint8Array,
  keys: string | readonly string[],
  { toleranceSeconds = 300, nowMs = Date.now() }: VerifyOptions = {},
): Arrival {
  const known = keysOf(keys)
  if (typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new TypeError(`body: expected the bytes as they came, a Buffer, Uint8Array or string; got ${typeof body}`)
  finite('toleranceSeconds', toleranceSeconds, 0)
  finite('nowMs', nowMs)
  const arrival = arrivalOf(headers)
  const given = signaturesIn(headerOf(headers, 'webhook-signature'))
  checkAge(nowMs / 1_000 - arrival.sentAt, toleranceSeconds)
  // The header's own text is signed. A number would lose its leading zeros.
  const head = `${arrival.messageId}.${headerOf(headers, 'webhook-timestamp')}.`
  const signed = Buffer.concat([Buffer.from(head), typeof body === 'string' ? Buffer.from(body) : body])
  if (!known.some(key => fits(key, signed, given)))
    throw new VerificationError(
      'no_match',
      'no signature fits: another key, or the body or a header was changed on the way',
    )
  return arrival
}

type Version = 'v1' | 'v1a'

/** Reads `v1,<base64> v1a,<base64>` and ignores other versions. */
function signaturesIn(header: string): Readonly<Record<Version, readonly string[]>> {
  const all = header.split(' ').map(each => each.split(','))
  const of = (wanted: Version) =>
    all.flatMap(([version, text, ...more]) => (version === wanted && text && more.length === 0 ? [text] : []))
  return { v1: of('v1'), v1a: of('v1a') }
}

/** Compares the base64 texts: a second spelling of the same bytes does not fit. */
function fits(key: KeyObject, signed: Buffer, given: Readonly<Record<Version, readonly string[]>>): boolean {
  if (key.type === 'secret') {
    const expected = Buffer.from(createHmac('sha256', key).update(signed).digest('base64'))
    return given.v1.some(each => isEqual(expected, Buffer.from(each)))
  }
  return given.v1a.some(each => {
    const bytes = Buffer.from(each, 'base64')
    return bytes.toString('base64') === each && verifySignature(null, signed, key, bytes)
  })
}

/** timingSafeEqual throws for unequal lengths. The length of a signature is no secret. */
function isEqual(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given)
}

function checkAge(ageSeconds: number, toleranceSeconds: number): void {
  const limit = `the limit is ${toleranceSeconds} s`
  if (ageSeconds > toleranceSeconds)
    throw new VerificationError('too_old', `webhook-timestamp is ${Math.round(ageSeconds)} s old; ${limit}`)
  if (-ageSeconds > toleranceSeconds)
    throw new VerificationError('too_new', `webhook-timestamp is ${Math.round(-ageSeconds)} s in the future; ${limit}`)
}
