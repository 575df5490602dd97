import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as v from 'valibot'
import { mapping, type Refuse, reads, required, type Schema } from './reading.ts'
import { codeOf, quote } from './wording.ts'

type Access = 'public' | 'secret'

/**
 * The path of a file, absolute or from `folder` on, as what `read` makes of its content.
 *
 * @param what the file holds, for the faults.
 * @param access `secret`: nobody but its owner may have any right to it. Root's file may be read by its group where the relay
 *   is not root: so systemd (LoadCredential) and Kubernetes (fsGroup) hand secrets over, and there is no other way to read it.
 * @param read null when it refuses the content, of which it repeats nothing.
 */
export function fileOf<T>(
  folder: string,
  what: string,
  access: Access,
  read: (content: string, refuse: Refuse, path: string) => T | null,
) {
  const expected = `the path of a readable file that holds ${what}`
  return reads(expected, (path, refuse) => {
    if (path === '') return null
    const content = contentOf(resolve(folder, path), access)
    if ('code' in content) return refuse(expected, `${quote(path)}, which cannot be read (${content.code})`)
    if ('text' in content) return read(content.text, refuse, path)
    return refuse(`that only its owner may use ${quote(path)}, as after chmod 600`, `mode ${content.mode}`)
  })
}

/** What `file` makes of the path in `{ file: PATH }`. */
export function fileField<T>(expected: string, file: Schema<T>) {
  return v.pipe(
    mapping(expected, { file: required(file) }),
    v.transform(fields => fields.file),
  )
}

/** A text; or why there is none: the system's code, or a mode that lets others at a secret. */
function contentOf(
  path: string,
  access: Access,
): { readonly text: string } | { readonly code: string } | { readonly mode: string } {
  let opened: number | undefined
  try {
    opened = openSync(path, 'r')
    // Of what was opened, since the path may lead to another file a moment later. Windows has no such modes.
    const { mode, uid } = fstatSync(opened)
    const isOpen = access === 'secret' && process.platform !== 'win32' && !isPrivate(mode, uid, process.getuid?.())
    return isOpen ? { mode: octal(mode) } : { text: readFileSync(opened, 'utf8') }
  } catch (error) {
    return { code: codeOf(error) }
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
