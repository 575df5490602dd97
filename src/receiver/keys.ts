import { createSecretKey, type KeyObject } from 'node:crypto'

export const PREFIX = 'whsec_'

/** Bytes of a key, by Standard Webhooks. */
export const [MIN_BYTES, MAX_BYTES] = [24, 64]

/**
 * Keys in their texts. A text holds one, or more while keys change, a line each, as the sender's key file does.
 *
 * @throws TypeError that says which is wrong and what was expected. No part of a text is quoted.
 */
export function keysOf(texts: string | readonly string[]): KeyObject[] {
  const all = [texts].flat().flatMap(linesOf)
  if (all.length === 0) throw new TypeError('keys: expected at least one; got none')
  return all.map((text, at) => keyOf(text, all.length === 1 ? 'key' : `key ${at + 1} of ${all.length}`))
}

function linesOf(text: unknown): string[] {
  if (typeof text !== 'string') throw new TypeError(`keys: expected a text or a list of texts; got ${typeof text}`)
  return text.split(/\s+/).filter(line => line !== '')
}

function keyOf(text: string, which: string): KeyObject {
  const key = readKey(text)
  if ('key' in key) return key.key
  if (key.fault === 'prefix') throw new TypeError(`${which}: expected a text that begins with ${PREFIX}`)
  if (key.fault === 'base64') throw new TypeError(`${which}: expected base64, with its padding, behind ${PREFIX}`)
  throw new TypeError(`${which}: expected the base64 of ${MIN_BYTES} to ${MAX_BYTES} bytes; got ${key.bytes} bytes`)
}

/** A key, or what is wrong with its text; `bytes` of what the base64 stands for. */
export type KeyReading =
  | { readonly key: KeyObject }
  | { readonly fault: 'prefix' | 'base64' | 'length'; readonly bytes: number }

/** `whsec_` and the base64 of 24 to 64 bytes, as the sender reads it too. */
export function readKey(text: string): KeyReading {
  if (!text.startsWith(PREFIX)) return { fault: 'prefix', bytes: 0 }
  const encoded = text.slice(PREFIX.length)
  const bytes = Buffer.from(encoded, 'base64')
  // Buffer skips what is no base64.
  if (bytes.toString('base64') !== encoded) return { fault: 'base64', bytes: 0 }
  if (bytes.length < MIN_BYTES || bytes.length > MAX_BYTES) return { fault: 'length', bytes: bytes.length }
  return { key: createSecretKey(bytes) }
}
