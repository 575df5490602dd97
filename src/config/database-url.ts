import { readFileSync } from 'node:fs'
import { messageOf } from '../errors.ts'
import type { Given } from './arguments.ts'
import { flagOf, type OptionKey, options, type Values } from './options.ts'
import { codeOf, quote } from './wording.ts'

type Writable<T> = { -readonly [K in keyof T]?: T[K] }

/** Sets `databaseUrl` from the file. A file keeps the password off the command line and out of the environment. */
export function resolveDatabaseUrl(
  values: Writable<Values>,
  given: ReadonlyMap<OptionKey, Given>,
  faults: string[],
): void {
  if (!values.databaseUrlFile || values.databaseUrl !== null) return
  try {
    values.databaseUrl = databaseUrlIn(values.databaseUrlFile, ` (${given.get('databaseUrlFile')?.from})`)
  } catch (error) {
    faults.push(messageOf(error))
  }
}

/**
 * What the file holds now, since the password may change.
 *
 * @param from the source of the file's name, for the fault.
 * @throws Error, which repeats no content, when it holds no database URL.
 */
export function databaseUrlIn(file: string, from = ''): string {
  const refuse = (why: string, cause?: unknown): never => {
    const { expected } = options.databaseUrlFile
    const what = `${flagOf(options.databaseUrlFile)}${from}: expected ${expected}; got ${quote(file)}, which ${why}`
    throw new Error(what, { cause })
  }
  let url = ''
  try {
    url = readFileSync(file, 'utf8').trim()
  } catch (error) {
    refuse(`cannot be read (${codeOf(error)})`, error)
  }
  if (options.databaseUrl.accepts(url)) return url
  return refuse(url === '' ? 'is empty' : 'holds something else, which is not shown')
}
