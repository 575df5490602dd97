import { createHmac, type KeyObject, sign } from 'node:crypto'

/**
 * The value of `webhook-signature` by Standard Webhooks: what each key makes of `id.timestamp.body`, one space between two.
 * A secret makes `v1,` and the base64 of HMAC-SHA256, an ed25519 key `v1a,` and the base64 of its signature. A receiver accepts
 * the request when one of them fits one of its keys.
 *
 * @param keys at least one.
 * @param timestamp as `webhook-timestamp` has it: of this attempt, Unix seconds.
 * @param body exactly the text that is sent, as UTF-8.
 */
export function signature(keys: readonly KeyObject[], id: string, timestamp: string, body: string): string {
  const signed = `${id}.${timestamp}.${body}`
  return keys.map(key => signatureBy(key, signed)).join(' ')
}

function signatureBy(key: KeyObject, signed: string): string {
  if (key.type === 'secret') return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
  return `v1a,${sign(null, Buffer.from(signed), key).toString('base64')}`
}
