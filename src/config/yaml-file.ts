import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as v from 'valibot'
import type { Alias, Document, Node } from 'yaml'
import type { Schema } from './reading.ts'
import { codeOf, quote } from './wording.ts'

/** Most syntax errors that are listed. One often causes many. */
const MAX_SHOWN = 5
/** Most uses of anchors. Each is looked up in the whole file. */
const MAX_ALIASES = 100

/** Names that valibot ignores, so it would not report them as unknown fields. */
const passedOver: ReadonlySet<unknown> = new Set(['__proto__', 'constructor', 'prototype'])

type Yaml = typeof import('yaml')

/** An error of the library. */
interface Wrong {
  /** Offset in the text. */
  readonly pos: readonly [number, ...number[]]
  readonly message: string
}

/**
 * Reads a file of YAML 1.2, which includes JSON. Strict: no tags, no duplicate keys, one document, UTF-8.
 *
 * All scalars except null are texts (the failsafe schema). The schema of a field knows its type, and `1.10` or `no` in
 * the value of a header stay as written.
 *
 * @param flag the option that names the file, for the faults.
 * @returns the result of the schema, and the whole content as JSON; null, with faults, if the syntax is wrong or
 * `schema` refuses the content.
 */
export function readYamlFile<T>(
  flag: string,
  file: string,
  schema: Schema<T>,
  faults: string[],
): { readonly read: T; readonly json: string } | null {
  const text = contentOf(flag, file, faults)
  if (text === null) return null
  // Loaded on demand: it takes longer than the rest of a short command, and most have no such file.
  const yaml: Yaml = createRequire(import.meta.url)('yaml')
  const lines = new yaml.LineCounter()
  const document = yaml.parseDocument(text, {
    schema: 'failsafe',
    customTags: ['null'],
    resolveKnownTags: false,
    stringKeys: true,
    lineCounter: lines,
    // Pretty errors quote the file, which may hold secrets.
    prettyErrors: false,
  })
  const name = `${flag} ${JSON.stringify(file)}`
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${name}, line ${Math.max(line, 1)}, column ${Math.max(col, 1)}`
  }
  const wrong = [...document.errors, ...document.warnings, ...wrongNodes(yaml, document)]
  if (wrong.length > 0) {
    for (const { pos, message } of wrong.slice(0, MAX_SHOWN))
      faults.push(`${at(pos[0])}: cannot be read as YAML: ${inPlainWords(message)}`)
    if (wrong.length > MAX_SHOWN) faults.push(`${name}: ${wrong.length - MAX_SHOWN} more of this kind`)
    return null
  }
  const content: unknown = document.toJS({ maxAliasCount: -1 })
  const { success, output, issues } = v.safeParse(schema, content)
  if (success) return { read: output, json: JSON.stringify(content) }
  const found = issues.map(({ path = [], message }) => ({ offset: offsetOf(yaml, document, path), path, message }))
  for (const { offset, path, message } of found.sort((a, b) => a.offset - b.offset))
    faults.push(`${at(offset)}: ${pathText(path)}${message}`)
  return null
}

function contentOf(flag: string, file: string, faults: string[]): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    const code = codeOf(error)
    const why = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : `cannot be read (${code})`
    faults.push(`${flag}: expected the path of a readable file of YAML or JSON; got ${quote(file)}, which ${why}`)
    return null
  }
}

/** Errors that the library does not report. */
function wrongNodes(yaml: Yaml, document: Document): Wrong[] {
  const aliases: Alias[] = []
  const wrong: Wrong[] = []
  yaml.visit(document, {
    Alias: (_, alias) => void aliases.push(alias),
    Pair: (_, { key }) => {
      if (yaml.isScalar(key) && passedOver.has(key.value)) wrong.push(wrongAt(key, 'Name that JavaScript reserves'))
    },
  })
  if (aliases.length > MAX_ALIASES) return [wrongAt(aliases[MAX_ALIASES], `More than ${MAX_ALIASES} aliases`)]
  const loose = aliases.filter(alias => alias.resolve(document) === undefined)
  return [...wrong, ...loose.map(alias => wrongAt(alias, 'Alias without an anchor before it'))]
}

function wrongAt(node: Node | undefined, message: string): Wrong {
  return { pos: node?.range ?? [0], message }
}

/** Removes from the library's messages the content of the file and the library's own terms. */
function inPlainWords(message: string): string {
  return message
    .replace(/^(Not a YAML token|Unexpected .* in YAML (?:stream|document)|Block .* characters): .*$/s, '$1')
    .replace(/; please use .*$/, '')
    .replace(/^Maximum call stack.*$/, 'Nested too deeply')
}

/** The offset of the node at `path`, or of the last existing node on the way. */
function offsetOf(yaml: Yaml, document: Document, path: readonly v.IssuePathItem[]): number {
  let node: unknown = document.contents
  let offset = document.contents?.range?.[0] ?? 0
  for (const { key, origin } of path) {
    const whole = yaml.isAlias(node) ? node.resolve(document) : node
    const pair = yaml.isMap(whole) ? whole.items.find(each => String(each.key) === key) : undefined
    node = yaml.isSeq(whole) ? whole.items[Number(key)] : origin === 'key' ? pair?.key : pair?.value
    if (!yaml.isNode(node)) break
    offset = node.range?.[0] ?? offset
  }
  return offset
}

/** For example `origins[0].rate: `; empty for the whole file. */
function pathText(path: readonly v.IssuePathItem[]): string {
  const parts = path.map(({ key }) => {
    if (typeof key === 'number') return `[${key}]`
    return /^[\w-]+$/.test(String(key)) ? `.${key}` : `.${quote(String(key))}`
  })
  return path.length === 0 ? '' : `${parts.join('').replace('.', '')}: `
}
