import { createHmac, type KeyObject, sign } from 'node:crypto'

/**
 * The value of `webhook-signature` by Standard Webhooks: one signature a key over `id.timestamp.body`, separated by
 * spaces.
 *
 * @param keys at least one.
 * @param timestamp the value of `webhook-timestamp`.
 */
export function signature(keys: readonly KeyObject[], id: string, timestamp: string, body: string): string {
  const signed = `${id}.${timestamp}.${body}`
  return keys.map(key => signatureBy(key, signed)).join(' ')
}

function signatureBy(key: KeyObject, signed: string): string {
  if (key.type === 'secret') return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
  return `v1a,${sign(null, Buffer.from(signed), key).toString('base64')}`
}
