import type { KeyObject } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type KeyReading, MAX_BYTES, MIN_BYTES, PREFIX, readKey } from '../receiver/keys.ts'
import type { Field } from './field.ts'
import { codeOf, quote } from './wording.ts'

/** One, and a second while it takes the place of the first. */
const MAX_KEYS = 2

/** Of group and others. */
const OTHERS = 0o077

const aFile = 'the path of a readable file that holds the key'
const someKeys = `one key, or two while rotating, a line each: whsec_ and the base64 of ${MIN_BYTES} to ${MAX_BYTES} bytes`

/**
 * The keys in `{ file: PATH }`, from the folder of the configuration file on; empty, with a fault, when they cannot be used.
 * A key stands in a file of its owner's alone, never in the configuration. Nothing of the content is repeated in a fault.
 */
export function readSigningKeys(field: Field): readonly KeyObject[] {
  const file = field.mapping('{ file: PATH }', ['file'])
  if (file === null) return []
  return Object.freeze(keysIn(file.get('file') ?? field.missing('file')) ?? [])
}

function keysIn(field: Field): KeyObject[] | null {
  const path = field.text
  // A key in its place would be shown as a path that cannot be read.
  if (!path || path.includes(PREFIX)) return field.refuse(aFile, path ? 'a key, which is not shown' : undefined)
  const content = contentOf(resolve(dirname(field.file), path), path, field)
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

function contentOf(file: string, path: string, field: Field): string | null {
  let opened: number | undefined
  try {
    opened = openSync(file, 'r')
    // Of what was opened, since the path may lead to another file a moment later. Windows has no such modes.
    const mode = fstatSync(opened).mode & 0o777
    if (process.platform === 'win32' || (mode & OTHERS) === 0) return readFileSync(opened, 'utf8')
    return field.refuse(`that only its owner may use ${quote(path)}, as after chmod 600`, `mode ${octal(mode)}`)
  } catch (error) {
    return field.refuse(aFile, `${quote(path)}, which cannot be read (${codeOf(error)})`)
  } finally {
    if (opened !== undefined) closeSync(opened)
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(3, '0')
}

/** What should have stood there. */
function expected(reading: Exclude<KeyReading, { key: KeyObject }>): string {
  if (reading.fault === 'prefix') return `begins with ${PREFIX}`
  if (reading.fault === 'base64') return `holds base64, with its padding, behind ${PREFIX}`
  return `holds the base64 of ${MIN_BYTES} to ${MAX_BYTES} bytes, not of ${reading.bytes}`
}
