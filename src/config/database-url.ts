import { readFileSync } from 'node:fs'
import type { Faults, Given, Value } from './given.ts'
import { type OptionKey, options } from './options.ts'
import { codeOf, flagOf, quote } from './wording.ts'

/** A file keeps the password off the command line and out of the environment. Its content becomes `databaseUrl`. */
export function resolveDatabaseUrl(
  values: Map<OptionKey, Value>,
  given: ReadonlyMap<OptionKey, Given>,
  faults: Faults,
): void {
  const file = values.get('databaseUrlFile')
  if (typeof file !== 'string' || values.get('databaseUrl') !== null) return
  const url = contentOf(file)
  if ('text' in url && options.databaseUrl.accepts(url.text)) {
    values.set('databaseUrl', url.text)
    return
  }
  const { expected } = options.databaseUrlFile
  const from = given.get('databaseUrlFile')?.from
  faults.push(
    `${flagOf(options.databaseUrlFile)} (${from}): expected ${expected}; got ${quote(file)}, which ${whyNot(url)}`,
  )
}

/**
 * What the file holds now: a password may have been rotated since the start.
 *
 * @throws Error that repeats nothing of it, when it is no URL of a database just now.
 */
export function databaseUrlIn(file: string): string {
  const url = contentOf(file)
  if ('text' in url && options.databaseUrl.accepts(url.text)) return url.text
  throw new Error(`${flagOf(options.databaseUrlFile)}: ${quote(file)} ${whyNot(url)}`)
}

function whyNot(url: Content): string {
  if ('fault' in url) return url.fault
  return url.text === '' ? 'is empty' : 'holds something else, which is not shown'
}

type Content = { readonly text: string } | { readonly fault: string }

function contentOf(file: string): Content {
  try {
    return { text: readFileSync(file, 'utf8').trim() }
  } catch (error) {
    return { fault: `cannot be read (${codeOf(error)})` }
  }
}
