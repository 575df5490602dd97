import type { KeyObject } from 'node:crypto'
import { type KeyReading, MAX_BYTES, MIN_BYTES, PREFIX, readKey } from '../receiver/keys.ts'
import { readConfiguredFile } from './configured-file.ts'
import type { Field } from './field.ts'
import { quote } from './wording.ts'

/** One, and a second while it takes the place of the first. */
const MAX_KEYS = 2

const someKeys = `one key, or two while rotating, a line each: ${PREFIX} and the base64 of ${MIN_BYTES} to ${MAX_BYTES} bytes`

/**
 * The keys in `{ file: PATH }`; empty, with a fault, when they cannot be used. A key stands in a file of its owner's alone,
 * never in the configuration. Nothing of the content is repeated in a fault.
 */
export function readSigningKeys(field: Field): readonly KeyObject[] {
  const file = field.mapping('{ file: PATH }', ['file'])
  if (file === null) return []
  return Object.freeze(keysIn(file.get('file') ?? field.missing('file')) ?? [])
}

function keysIn(field: Field): KeyObject[] | null {
  const path = field.text ?? ''
  // In place of a path it would be shown, as one that cannot be read.
  if (path.includes(PREFIX)) return field.refuse('the path of a file that holds the key', 'a key, which is not shown')
  const content = readConfiguredFile(field, 'the key', 'secret')
  if (content === null) return null
  const lines = content.split('\n').map(line => line.trim())
  const written = [...lines.entries()].filter(([, line]) => line !== '')
  if (written.length === 0 || written.length > MAX_KEYS)
    return field.refuse(
      `that ${quote(path)} holds ${someKeys}`,
      written.length === 0 ? 'nothing' : `${written.length} lines`,
    )
  const keys: KeyObject[] = []
  for (const [at, line] of written) {
    const reading = readKey(line)
    if ('key' in reading) keys.push(reading.key)
    else field.refuse(`that line ${at + 1} of ${quote(path)} ${expected(reading)}`, 'a text that is not shown')
  }
  return keys.length < written.length ? null : keys
}

/** What should have stood there. */
function expected(reading: Exclude<KeyReading, { key: KeyObject }>): string {
  if (reading.fault === 'prefix') return `begins with ${PREFIX}`
  if (reading.fault === 'base64') return `holds base64, with its padding, behind ${PREFIX}`
  return `holds the base64 of ${MIN_BYTES} to ${MAX_BYTES} bytes, not of ${reading.bytes}`
}
