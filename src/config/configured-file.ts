import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Field } from './field.ts'
import { codeOf, quote } from './wording.ts'

/**
 * Reads the file whose path, absolute or from the folder of the configuration file on, is the text of `field`.
 *
 * @param what the file holds, for the faults.
 * @param access `secret`: nobody but its owner may have any right to it. Root's file may be read by its group where the relay
 *   is not root: so systemd (LoadCredential) and Kubernetes (fsGroup) hand secrets over, and there is no other way to read it.
 * @returns null, with a fault, when it cannot be read or is open to others.
 */
export function readConfiguredFile(field: Field, what: string, access: 'public' | 'secret'): string | null {
  const expected = `the path of a readable file that holds ${what}`
  const path = field.text
  if (!path) return field.refuse(expected)
  let opened: number | undefined
  try {
    opened = openSync(resolve(dirname(field.file), path), 'r')
    // Of what was opened, since the path may lead to another file a moment later. Windows has no such modes.
    const { mode, uid } = fstatSync(opened)
    if (access === 'public' || process.platform === 'win32' || isPrivate(mode, uid, process.getuid?.()))
      return readFileSync(opened, 'utf8')
    return field.refuse(`that only its owner may use ${quote(path)}, as after chmod 600`, `mode ${octal(mode)}`)
  } catch (error) {
    return field.refuse(expected, `${quote(path)}, which cannot be read (${codeOf(error)})`)
  } finally {
    if (opened !== undefined) closeSync(opened)
  }
}

/** @param reader who reads it; undefined: not known. All are user ids. */
export function isPrivate(mode: number, owner: number, reader: number | undefined): boolean {
  const isHandedOver = owner === 0 && reader !== 0
  return (mode & (isHandedOver ? 0o037 : 0o077)) === 0
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, '0')
}
