import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Alias, Document } from 'yaml'
import { Field } from './field.ts'
import type { Faults } from './given.ts'
import { codeOf, quote } from './wording.ts'

/** Faults of the form that are listed; one is often the cause of many. */
const MAX_SHOWN = 5
/** Uses of an anchor. Each is looked up in the whole file. */
const MAX_ALIASES = 100

/** As the library has it. */
interface Wrong {
  /** Offset in the text. */
  readonly pos: readonly [number, ...number[]]
  readonly message: string
}

/**
 * Reads a file of YAML 1.2, of which JSON is a part. Strict: no tags, no key twice, one document, UTF-8.
 *
 * All scalars are texts (the failsafe schema): whoever asks for a field knows its type, and `1.10` or `no` in a header's
 * value stay as they were written.
 *
 * @param flag the option that names the file, for the faults.
 * @returns the whole of it, or null when the form is wrong.
 */
export function readYamlFile(flag: string, file: string, faults: Faults): Field | null {
  const text = contentOf(flag, file, faults)
  if (text === null) return null
  // Loaded here, since it takes longer than all else of a short command, and most have no such file.
  const yaml: typeof import('yaml') = createRequire(import.meta.url)('yaml')
  const lines = new yaml.LineCounter()
  const document = yaml.parseDocument(text, {
    schema: 'failsafe',
    resolveKnownTags: false,
    stringKeys: true,
    lineCounter: lines,
    // The pretty ones quote the file, which may hold secrets.
    prettyErrors: false,
  })
  const name = `${flag} ${JSON.stringify(file)}`
  const root = new Field({ yaml, document, lines, file, name, faults }, document.contents, '')
  const wrong: readonly Wrong[] = [...document.errors, ...document.warnings, ...wrongAliases(yaml, document)]
  for (const { pos, message } of wrong.slice(0, MAX_SHOWN))
    faults.push(`${root.placeOf(pos[0])}: cannot be read as YAML: ${inPlainWords(message)}`)
  if (wrong.length > MAX_SHOWN) faults.push(`${name}: ${wrong.length - MAX_SHOWN} more of this kind`)
  return wrong.length === 0 ? root : null
}

function contentOf(flag: string, file: string, faults: Faults): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    const code = codeOf(error)
    const why = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : `cannot be read (${code})`
    faults.push(`${flag}: expected the path of a readable file of YAML or JSON; got ${quote(file)}, which ${why}`)
    return null
  }
}

function wrongAliases(yaml: typeof import('yaml'), document: Document): Wrong[] {
  const aliases: Alias[] = []
  yaml.visit(document, { Alias: (_, alias) => void aliases.push(alias) })
  if (aliases.length > MAX_ALIASES) return [wrongAt(aliases[MAX_ALIASES], `More than ${MAX_ALIASES} aliases`)]
  return aliases
    .filter(alias => alias.resolve(document) === undefined)
    .map(alias => wrongAt(alias, 'Alias without an anchor before it'))
}

function wrongAt(alias: Alias | undefined, message: string): Wrong {
  return { pos: alias?.range ?? [0], message }
}

/** What the library's messages give away: what stands in the file, how its functions are called, and how it works. */
function inPlainWords(message: string): string {
  return message
    .replace(/^(Not a YAML token|Unexpected .* in YAML (?:stream|document)|Block .* characters): .*$/s, '$1')
    .replace(/; please use .*$/, '')
    .replace(/^Maximum call stack.*$/, 'Nested too deeply')
}
