import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'

/** How long a secret is, in bytes, by Standard Webhooks. */
export const [MIN_BYTES, MAX_BYTES] = [24, 64]

/**
 * By Standard Webhooks. Both sides hold a `secret` (HMAC); a `private` key signs and a `public` key verifies (ed25519).
 */
export const prefixes = { secret: 'whsec_', private: 'whsk_', public: 'whpk_' } as const

export type KeyType = keyof typeof prefixes

/** The DER bytes in front of the 32 bytes of an ed25519 key, by RFC 8410. */
const der = {
  private: Buffer.from('302e020100300506032b657004220420', 'hex'),
  public: Buffer.from('302a300506032b6570032100', 'hex'),
}

/**
 * Reads a receiver's secrets and public keys. A text may hold several, one a line.
 *
 * @throws TypeError that says which key is wrong and what was expected. It quotes no part of a key.
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
  const key = readKey(text, ['secret', 'public'])
  if ('key' in key) return key.key
  throw new TypeError(`${which}: expected ${key.expected}${key.got === null ? '' : `; got ${key.got}`}`)
}

/** A key; or what was expected and what came. `got` is null where it must not be shown. */
export type KeyReading = { readonly key: KeyObject } | { readonly expected: string; readonly got: string | null }

/** @param types that are accepted. */
export function readKey(text: string, types: readonly KeyType[]): KeyReading {
  const type = types.find(each => text.startsWith(prefixes[each]))
  if (type === undefined) return { expected: `a text that begins with ${namesOf(types)}`, got: otherType(text) }
  const encoded = text.slice(prefixes[type].length)
  const bytes = Buffer.from(encoded, 'base64')
  // Buffer.from skips characters that are not base64.
  if (bytes.toString('base64') !== encoded)
    return { expected: `base64, with its padding, behind ${prefixes[type]}`, got: null }
  const key = keyFrom[type](bytes)
  return key
    ? { key }
    : { expected: `${prefixes[type]} and the base64 of ${sizes[type]}`, got: `${bytes.length} bytes` }
}

const sizes: Readonly<Record<KeyType, string>> = {
  secret: `${MIN_BYTES} to ${MAX_BYTES} bytes`,
  private: '32 bytes, or of 64 of which the last 32 are its public key',
  public: '32 bytes',
}

/** null for a wrong length, and for a private key whose last 32 bytes are not its public key. */
const keyFrom: Readonly<Record<KeyType, (bytes: Buffer) => KeyObject | null>> = {
  secret: bytes => (bytes.length < MIN_BYTES || bytes.length > MAX_BYTES ? null : createSecretKey(bytes)),
  private: bytes => {
    if (bytes.length !== 32 && bytes.length !== 64) return null
    const key = privateKey(bytes.subarray(0, 32))
    return bytes.length === 32 || publicBytes(key).equals(bytes.subarray(32)) ? key : null
  },
  public: bytes =>
    bytes.length === 32
      ? createPublicKey({ key: Buffer.concat([der.public, bytes]), format: 'der', type: 'spki' })
      : null,
}

/** @param seed 32 random bytes. */
export function privateKey(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([der.private, seed]), format: 'der', type: 'pkcs8' })
}

/** The 32 bytes of the public key that belongs to a private one. */
export function publicBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(der.public.length)
}

function namesOf(types: readonly KeyType[]): string {
  return types.map(type => prefixes[type]).join(' or ')
}

/** Names a key that belongs to the other side, since that is an easy mistake. */
function otherType(text: string): string | null {
  if (text.startsWith(prefixes.private)) return 'a private key, which the sender alone may hold'
  if (text.startsWith(prefixes.public)) return 'a public key, which cannot sign'
  return null
}
