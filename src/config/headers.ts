import { readConfiguredFile } from './configured-file.ts'
import type { Field } from './field.ts'
import { quote } from './wording.ts'

/** What Ringback writes, and what belongs to the connection rather than to the message (RFC 9110, 7.6.1). */
const reserved = new Set([
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'idempotency-key',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'traceparent',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
])

/** More than receivers commonly accept in a whole head. Characters. */
const MAX_VALUE = 8_192

const aValue = `a value of 1 to ${MAX_VALUE} Latin-1 characters without control characters or spaces at its ends`
const hidden = 'one that is not shown'

/**
 * Names, in lower case, and values in turn. A value is a text or stands in a file of its owner's alone, `{ file: PATH }`. None
 * is ever repeated in a fault.
 */
export function readHeaders(field: Field): readonly string[] {
  const headers = new Map<string, string>()
  for (const [written, each] of field.mapping('a mapping of names to values') ?? []) {
    const name = written.toLowerCase()
    if (!isAllowed(written, each)) continue
    if (headers.has(name)) each.complain('expected each header once, in capitals or not; got it again')
    else headers.set(name, readValue(each) ?? '')
  }
  return Object.freeze([...headers].flat())
}

function isAllowed(name: string, field: Field): boolean {
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) {
    field.refuse("a header's name of letters, digits and !#$%&'*+-.^_`|~", name === '' ? 'nothing' : quote(name))
    return false
  }
  const lower = name.toLowerCase()
  if (!reserved.has(lower) && !lower.startsWith('webhook-')) return true
  field.refuse('a header that neither Ringback nor HTTP itself writes', quote(name))
  return false
}

function readValue(field: Field): string | null {
  const text = field.text
  if (text === null) return readValueFile(field, 'a text or { file: PATH }')
  return isValue(text) ? text : field.refuse(`${aValue}, or { file: PATH }`, text === '' ? 'nothing' : hidden)
}

/** The value in `{ file: PATH }`. @param expected what should stand there, for the faults. */
export function readValueFile(field: Field, expected: string): string | null {
  const fields = field.mapping(expected, ['file'])
  if (fields === null) return null
  const file = fields.get('file') ?? field.missing('file')
  const value = readConfiguredFile(file, 'the value', 'secret')?.trim() ?? null
  if (value === null || isValue(value)) return value
  return file.refuse(`that ${quote(file.text ?? '')} holds ${aValue}`, value === '' ? 'nothing' : hidden)
}

function isValue(text: string): boolean {
  return text.length <= MAX_VALUE && text === text.trim() && /^[\x20-\x7e\xa0-\xff]+$/.test(text)
}
