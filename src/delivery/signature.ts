import { createHmac, type KeyObject } from 'node:crypto'

/**
 * The value of `webhook-signature` by Standard Webhooks v1: for each key `v1,` and the base64 of HMAC-SHA256 over
 * `id.timestamp.body`, one space between two. A receiver accepts the request when one of them fits one of its keys.
 *
 * @param keys at least one.
 * @param timestamp as `webhook-timestamp` has it: of this attempt, Unix seconds.
 * @param body exactly the text that is sent, in ASCII.
 */
export function signature(keys: readonly KeyObject[], id: string, timestamp: string, body: string): string {
  const signed = `${id}.${timestamp}.${body}`
  return keys.map(key => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`).join(' ')
}
