import { createHmac, type KeyObject, sign } from 'node:crypto'

/**
 * The value of `webhook-signature` by Standard Webhooks: one signature a key over `id.timestamp.body`, separated by
 * spaces. A secret gives `v1,` and the base64 of HMAC-SHA256; an ed25519 key gives `v1a,` and the base64 of its
 * signature. A receiver accepts the request when one signature fits one of its keys.
 *
 * @param keys at least one.
 * @param timestamp the value of `webhook-timestamp`: this attempt's, in Unix seconds.
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
