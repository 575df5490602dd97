import { readFileSync } from 'node:fs'
import { type OptionKey, options } from '../options.ts'
import type { Faults, Given, Value } from './given.ts'
import { codeOf, quote, spell } from './wording.ts'

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
  const why = 'fault' in url ? url.fault : url.text === '' ? 'is empty' : 'holds something else, which is not shown'
  const { expected } = options.databaseUrlFile
  const from = given.get('databaseUrlFile')?.from
  faults.push(`${spell(options.databaseUrlFile)} (${from}): expected ${expected}; got ${quote(file)}, which ${why}`)
}

function contentOf(file: string): { readonly text: string } | { readonly fault: string } {
  try {
    return { text: readFileSync(file, 'utf8').trim() }
  } catch (error) {
    return { fault: `cannot be read (${codeOf(error)})` }
  }
}
