/**
 * Rewrites the heads of answers so that undici's parser accepts them. undici (7.30) ends the connection at many heads
 * that curl, Go and Python accept, and at a 100 Continue that was not asked for (RFC 9110, 15.2). The callback has
 * arrived by then, and would be sent again.
 *
 * Every readable status line counts. Only the headers that somebody reads are written again. After a head that violates
 * RFC 9112 nobody knows where the next answer begins, so the connection is not reused.
 */

import { maxHeadBytes } from '../policy/tuning.ts'

export interface Head {
  readonly text: string
  /** False: another head follows. */
  readonly isFinal: boolean
}

/** A head that follows RFC 9112. */
const STRICT =
  /^HTTP\/1\.[01] \d{3}(?: [\t\x20-\x7e\x80-\xff]*)?\r\n(?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n$/

/** What curl accepts. */
const STATUS_LINE = /^HTTP\/(1\.[01]|2(?:\.0)?) +(\d{3})(?![^\t\r\n ])/i

/** For any 1xx but 101. undici treats a 100 as a fault, and a 102 as a request to wait. */
const INTERIM: Head = { text: 'HTTP/1.1 102\r\n\r\n', isFinal: false }

/** A 101 that nobody asked for. With these headers undici ends the connection at once; without them it would wait. */
const SWITCHING: Head = { text: 'HTTP/1.1 101\r\nconnection: upgrade\r\nupgrade: unasked\r\n\r\n', isFinal: true }

/** For a status below 100, at which undici would fail an assertion. At this one it says that it is not HTTP. */
const NO_STATUS: Head = { text: 'HTTP/1.1 0\r\n\r\n', isFinal: true }

/** For 1xx heads without end: undici says that the headers are too large. */
export const TOO_LONG = `HTTP/1.1 102\r\nx: ${'x'.repeat(maxHeadBytes)}`

const NO_BODY = 'content-length: 0\r\n'

/** The headers that the exchange or undici reads. */
const READ = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'keep-alive',
  'location',
  'retry-after',
  'transfer-encoding',
])

/** Name in lower case to values, in order. */
type Fields = ReadonlyMap<string, readonly string[]>

/** How the end of the body is found. */
interface Framing {
  /** As header lines. */
  readonly text: string
  readonly isStrict: boolean
}

/** Whether `start`, the first bytes of an answer, may be the start of a head. */
export function mayBeHead(start: string): boolean {
  return 'HTTP/'.startsWith(start.slice(0, 5).toUpperCase())
}

/**
 * The head for undici; null when no status can be read.
 *
 * @param head in latin1, with its empty line.
 * @param isWhole false: the head was too long and is cut. Its status counts, and no body is read.
 */
export function headFor(head: string, isWhole: boolean): Head | null {
  const [, version, digits] = STATUS_LINE.exec(head) ?? []
  if (digits === undefined) return null
  const status = Number(digits)
  if (status < 100) return NO_STATUS
  if (status < 200 && !isWhole) return null
  if (status < 200) return status === 101 ? SWITCHING : INTERIM
  const isStrict = isWhole && STRICT.test(head)
  // Less than undici's limit by the lines that are added below.
  const lines = isWhole ? head : head.slice(0, head.lastIndexOf('\n', maxHeadBytes - 64))
  const fields = fieldsOf(isStrict ? lines : mended(lines))
  const framing = isWhole ? framingOf(status, fields) : { text: NO_BODY, isStrict: false }
  const isReusable = isStrict && framing.isStrict && !(version === '1.0' && fields.has('transfer-encoding'))
  const text =
    `HTTP/${version === '1.0' ? version : '1.1'} ${status}\r\n${framing.text}` +
    (isReusable ? written('connection', fields) + written('keep-alive', fields) : 'connection: close\r\n') +
    `${written('content-encoding', fields)}${written('location', fields)}${written('retry-after', fields)}\r\n`
  return { text, isFinal: true }
}

/** Ends every line with CRLF, joins folded lines (RFC 9112, 5.2), and makes other control characters spaces. */
function mended(head: string): string {
  return head
    .replace(/\r?\n/g, '\n')
    .replace(/\n[\t ]+/g, ' ')
    .replace(/[^\n\t\x20-\x7e\x80-\xff]/g, ' ')
    .replaceAll('\n', '\r\n')
}

/** Skips a line without a colon. A space before the colon is not part of the name (RFC 9112, 5.1). */
function fieldsOf(head: string): Fields {
  const fields = new Map<string, string[]>()
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase()
    if (!READ.has(name)) continue
    const value = line.slice(colon + 1).trim()
    const values = fields.get(name)
    if (values === undefined) fields.set(name, [value])
    else values.push(value)
  }
  return fields
}

function written(name: string, fields: Fields): string {
  let lines = ''
  for (const value of fields.get(name) ?? []) lines += `${name}: ${value}\r\n`
  return lines
}

/** By RFC 9112, 6.3: no body; else chunked, whatever the length; else the length; else until the connection closes. */
function framingOf(status: number, fields: Fields): Framing {
  const lengths = fields.get('content-length') ?? []
  const codings = fields.get('transfer-encoding') ?? []
  // A 204 that announces a body may send one, which would be read as the next answer.
  if (status === 204) return { text: NO_BODY, isStrict: codings.length === 0 && lengths.every(each => each === '0') }
  if (status === 304) return { text: NO_BODY, isStrict: codings.length === 0 }
  if (codings.length > 0) return framingByCoding(codings.join(',').toLowerCase(), lengths.length === 0)
  return lengths.length > 0 ? framingByLength(lengths) : { text: '', isStrict: true }
}

function framingByCoding(coding: string, isAlone: boolean): Framing {
  const isChunked = /(?:^|[\t ,])chunked$/.test(coding)
  return { text: isChunked ? 'transfer-encoding: chunked\r\n' : '', isStrict: isAlone && coding === 'chunked' }
}

function framingByLength(lengths: readonly string[]): Framing {
  const [length = '', ...others] = new Set(lengths.flatMap(each => each.split(',')).map(each => each.trim()))
  if (others.length > 0 || !/^\d{1,15}$/.test(length)) return { text: '', isStrict: false }
  return { text: `content-length: ${length}\r\n`, isStrict: lengths.length === 1 && lengths[0] === length }
}
