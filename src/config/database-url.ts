import { readFileSync } from 'node:fs'
import { type OptionKey, options } from '../options.ts'
import type { Faults, Value } from './given.ts'
import { codeOf, quote } from './wording.ts'

/** A file keeps the password off the command line and out of the environment. Its content becomes `databaseUrl`. */
export function resolveDatabaseUrl(values: Map<OptionKey, Value>, faults: Faults): void {
  const file = values.get('databaseUrlFile')
  if (typeof file !== 'string' || values.get('databaseUrl') !== null) return
  try {
    const url = readFileSync(file, 'utf8').trim()
    if (options.databaseUrl.accepts(url)) values.set('databaseUrl', url)
    else
      faults.push(
        `--database-url-file ${quote(file)}: expected that it holds ${options.databaseUrl.expected}; got something else`,
      )
  } catch (error) {
    faults.push(
      `--database-url-file: expected ${options.databaseUrlFile.expected}; got ${quote(file)}, which cannot be read (${codeOf(error)})`,
    )
  }
}
