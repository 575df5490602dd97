import { pick, type Random } from '../fixtures/random.ts'

/** A row as a hostile producer might write it, in bytes: not all of it is UTF-8. */
export interface FuzzedRow {
  readonly url: Buffer
  readonly form: Buffer
  readonly traceparent: Buffer | null
}

const SMUGGLED = '\r\n\r\nPOST /smuggled HTTP/1.1\r\nhost: evil\r\ncontent-length: 0\r\n\r\n'

/** What the checks of the outbox let through somewhere: printable ASCII, and what is percent-encoded or looks so. */
const allowed = [
  ...'abcXYZ0189-._~!$&\'()*+,;=:@/?%"<>[]\\^`{|}'.split(''),
  ...['%0d%0a', '%0D%0AX-Evil:%201', '%00', '%', '%%', '%zz', '%2', '%e5%98%8a', '%20HTTP/1.1%0d%0a'],
  ...['/../', '/./', '//', '/%2e%2e/', '\\..\\', '//evil.example/', 'http://evil.example/', '?a=b', '&c=d', ';e', '*'],
  ...['HTTP/1.1', 'Transfer-Encoding:chunked', 'content-length:0', '0', 'X-Evil:1', 'long-and-harmless-'.repeat(9)],
]

/** What they must refuse, or what must be encoded: line ends in all disguises, among them those that lose their high byte. */
const nasty = [
  ...['\r\n', '\n', '\r', '\0', ' ', '\t', '\v', '\x7f', '\x80', '\x85', '\xa0', '#', '\u2028', '\u2029', '\ufeff'],
  ...['\r\nX-Evil: 1', '\n X-Evil: 1', SMUGGLED, ' HTTP/1.1\r\nhost: evil\r\n\r\n', '\r\n0\r\n\r\n'],
  ...['\u010a', '\u010d', '\u560d\u560aX-Evil: 1', 'é', '长', '😀', '\ud800', '\udc00', '\udc00\ud800', '\u202e'],
]
const anything = [...allowed, ...nasty, ...nasty]

/** One host; the outbox takes it in two of its spellings. */
const refused = ['127.1', '2130706433', '0x7f000001', '0177.0.0.1', '%31%32%37.0.0.1']
const hosts = [...Array(12).fill('127.0.0.1'), ...Array(6).fill('127.0.0.1.'), ...refused]

/** With what follows, the first is valid now and then, the second mostly. */
const traces = [
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-',
]

const numbers = ['0', '-0', '1.50', '1e400', '-1E-7', '9007199254740993', '0.10']

/** @param port of the receiver, on 127.0.0.1. */
export function fuzzedRow(random: Random, port: number): FuzzedRow {
  // Every fifth part may hold anything; if all did, hardly any row would be accepted.
  const text = (): string => textOf(random, random() < 0.2 ? anything : allowed)
  const scheme = pick(random, ['http', 'http', 'HTTP', 'hTTp'])
  const url = `${scheme}://${pick(random, hosts)}:${port}${pick(random, ['/', '?', '/hook', ''])}${text()}`
  const traceparent = random() < 0.5 ? '' : `${pick(random, ['', ...traces])}${text()}`
  return { url: bytes(url), form: bytes(formOf(random)), traceparent: traceparent === '' ? null : bytes(traceparent) }
}

function textOf(random: Random, tokens: readonly string[]): string {
  return Array.from({ length: Math.floor(random() ** 2 * 12) }, () => pick(random, tokens)).join('')
}

/** JSON text; now and then with what JSON does not allow. */
function formOf(random: Random): string {
  const fields = Array.from({ length: Math.floor(random() * 6) }, () => `${string(random)}:${value(random)}`)
  return `{${fields.join(',')}}${random() < 0.02 ? pick(random, anything) : ''}`
}

function value(random: Random): string {
  const kind = random()
  if (kind < 0.6) return string(random)
  if (kind < 0.7) return pick(random, numbers)
  if (kind < 0.8) return pick(random, ['true', 'false', 'null'])
  if (kind < 0.803) return '{}'
  return `[${Array.from({ length: Math.floor(random() * 4) }, () => string(random)).join(',')}]`
}

function string(random: Random): string {
  const text = textOf(random, random() < 0.97 ? encodable : anything)
  if (random() < 0.01) return `"${text}"`
  if (random() < 0.7) return JSON.stringify(text)
  return `"${text.replace(/./gsu, each => (random() < 0.5 || /["\\\p{Cc}\p{Cs}]/u.test(each) ? escaped(each) : each))}"`
}

/** What a form may hold: all but NUL and half a surrogate pair. */
const encodable = anything.filter(token => !/[\0\p{Cs}]/u.test(token))

function escaped(text: string): string {
  return text
    .split('')
    .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}

/** UTF-8, with three bytes for half a surrogate pair, which Buffer would replace. */
function bytes(text: string): Buffer {
  if (!/\p{Cs}/u.test(text)) return Buffer.from(text)
  return Buffer.concat(
    Array.from(text, each => {
      if (!/\p{Cs}/u.test(each)) return Buffer.from(each)
      const code = each.charCodeAt(0)
      return Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
    }),
  )
}
