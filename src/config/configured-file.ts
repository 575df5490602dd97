import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as v from 'valibot'
import { mapping, type Refuse, reads, required, type Schema } from './reading.ts'
import { codeOf, quote } from './wording.ts'

type Access = 'public' | 'secret'

/**
 * Reads a file by its path, absolute or relative to `folder`, and parses it with `read`.
 *
 * Access `secret` refuses a file that anyone but its owner may use. One exception: if the relay does not run as root,
 * the group may read a file of root. Secrets from systemd (LoadCredential) and Kubernetes (fsGroup) need that.
 *
 * @param what the content, for the faults.
 * @param read null: it refuses the content. Its faults must not repeat the content.
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

/** The result of `file` for the path in `{ file: PATH }`. */
export function fileField<T>(expected: string, file: Schema<T>) {
  return v.pipe(
    mapping(expected, { file: required(file) }),
    v.transform(fields => fields.file),
  )
}

/** The text of the file, or why it was not read: the system's code, or a mode that exposes a secret. */
function contentOf(
  path: string,
  access: Access,
): { readonly text: string } | { readonly code: string } | { readonly mode: string } {
  let opened: number | undefined
  try {
    opened = openSync(path, 'r')
    // The mode of the opened file: the path may lead to another file a moment later. Windows has no such modes.
    const { mode, uid } = fstatSync(opened)
    const isOpen = access === 'secret' && process.platform !== 'win32' && !isPrivate(mode, uid, process.getuid?.())
    return isOpen ? { mode: octal(mode) } : { text: readFileSync(opened, 'utf8') }
  } catch (error) {
    return { code: codeOf(error) }
  } finally {
    if (opened !== undefined) closeSync(opened)
  }
}

/** @param reader user id of the reading process; undefined: not known. */
export function isPrivate(mode: number, owner: number, reader: number | undefined): boolean {
  const isHandedOver = owner === 0 && reader !== 0
  return (mode & (isHandedOver ? 0o037 : 0o077)) === 0
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, '0')
}
