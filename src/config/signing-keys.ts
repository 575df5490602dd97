import type { KeyObject } from 'node:crypto'
import * as v from 'valibot'
import { MAX_BYTES, MIN_BYTES, prefixes, readKey } from '../receiver/keys.ts'
import { fileField, fileOf } from './configured-file.ts'
import { accepts, type Refuse } from './reading.ts'
import { quote } from './wording.ts'

/** One key, and a second one during a rotation. */
const MAX_KEYS = 2

const someKeys = `one key, or two while rotating, a line each: ${prefixes.secret} and the base64 of ${MIN_BYTES} to ${MAX_BYTES} bytes, or an ed25519 key, ${prefixes.private} and its base64`

/**
 * The keys in `{ file: PATH }`. Keys are never in the configuration itself, but in a file that only its owner may use.
 * Faults do not repeat any of its content.
 */
export function signingKeysSchema(folder: string) {
  // A key in place of the path would otherwise be shown, as a file that cannot be read.
  const path = accepts(
    'the path of a readable file that holds the key',
    text => !text.includes(prefixes.secret) && !text.includes(prefixes.private),
    () => 'a key, which is not shown',
  )
  return fileField('{ file: PATH }', v.pipe(path, fileOf(folder, 'the key', 'secret', keysIn)))
}

function keysIn(content: string, refuse: Refuse, path: string): readonly KeyObject[] | null {
  const lines = content.split('\n').map(line => line.trim())
  const written = [...lines.entries()].filter(([, line]) => line !== '')
  if (written.length === 0) return refuse(`that ${quote(path)} holds ${someKeys}`, 'nothing')
  if (written.length > MAX_KEYS) return refuse(`that ${quote(path)} holds ${someKeys}`, `${written.length} lines`)
  const keys = written.flatMap(([at, line]) => {
    const reading = readKey(line, ['secret', 'private'])
    if ('key' in reading) return reading.key
    refuse(`that line ${at + 1} of ${quote(path)} holds ${reading.expected}`, reading.got ?? 'a text that is not shown')
    return []
  })
  return keys.length < written.length ? null : Object.freeze(keys)
}
