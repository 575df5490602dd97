import { createHmac, type KeyObject, randomUUID, sign as signBytes } from 'node:crypto'
import { finite } from './finite.ts'
import { readKey } from './keys.ts'

export interface SignOptions {
  /** Header `webhook-id`. Default: a random one. */
  readonly messageId?: string
  /** Header `webhook-attempt`, from 1. Default 1. */
  readonly attempt?: number
  /** When it is sent, Unix time in milliseconds. Default: now. */
  readonly nowMs?: number
}

/**
 * The headers that the relay would send with this body. For a receiver's own tests: `verify` accepts them.
 *
 * @param keys `whsec_` and base64 of a secret, or `whsk_` and base64 of an ed25519 private key; one or several.
 * @throws TypeError for an invalid key, or for an option that is not a finite number.
 */
export function sign(
  body: string | Uint8Array,
  keys: string | readonly string[],
  { messageId = randomUUID(), attempt = 1, nowMs = Date.now() }: SignOptions = {},
): Readonly<Record<string, string>> {
  finite('attempt', attempt, 1)
  finite('nowMs', nowMs)
  const timestamp = String(Math.floor(nowMs / 1_000))
  const signed = Buffer.concat([Buffer.from(`${messageId}.${timestamp}.`), Buffer.from(body)])
  return {
    'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
    'webhook-id': messageId,
    'idempotency-key': messageId,
    'webhook-attempt': String(attempt),
    'webhook-timestamp': timestamp,
    'webhook-signature': [keys]
      .flat()
      .map(text => signatureBy(keyIn(text), signed))
      .join(' '),
  }
}

function keyIn(text: string): KeyObject {
  const found = readKey(text, ['secret', 'private'])
  if ('key' in found) return found.key
  throw new TypeError(`key: expected ${found.expected}${found.got === null ? '' : `; got ${found.got}`}`)
}

function signatureBy(key: KeyObject, signed: Buffer): string {
  if (key.type === 'secret') return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
  return `v1a,${signBytes(null, signed, key).toString('base64')}`
}
