/** One request as it stood on the wire. */
export interface WireRequest {
  readonly target: string
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

const REQUEST_LINE = /^POST (\/[\x21-\x7e]*) HTTP\/1\.1$/
/** No folding, no space before the colon, nothing outside printable ASCII. */
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\x20-\x7e]*)$/

/**
 * Reads the bytes of one connection as a sequence of requests, by RFC 9112 and more strictly: whatever two receivers could
 * read differently is an error. Written apart from Node's parser and undici's writer, so that it shares none of their mistakes.
 */
export class StrictRequests {
  #unread = ''

  /**
   * The requests that are complete with this chunk.
   *
   * @throws Error for bytes that are no request.
   */
  push(chunk: Buffer): WireRequest[] {
    this.#unread += chunk.toString('latin1')
    const requests: WireRequest[] = []
    for (let request = this.#next(); request !== null; request = this.#next()) requests.push(request)
    return requests
  }

  /** Characters that belong to no complete request yet. */
  get unread(): number {
    return this.#unread.length
  }

  #next(): WireRequest | null {
    const end = this.#unread.indexOf('\r\n\r\n')
    if (end < 0) return null
    const [first = '', ...lines] = this.#unread.slice(0, end).split('\r\n')
    const target = REQUEST_LINE.exec(first)?.[1]
    if (target === undefined) throw new Error(`not a request line: ${JSON.stringify(first)}`)
    const headers = headersOf(lines)
    const bodyAt = end + 4
    const bodyEnd = bodyAt + lengthOf(headers)
    if (this.#unread.length < bodyEnd) return null
    const body = this.#unread.slice(bodyAt, bodyEnd)
    this.#unread = this.#unread.slice(bodyEnd)
    return { target, headers, body }
  }
}

function headersOf(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? []
    if (name === undefined || value === undefined) throw new Error(`not a header line: ${JSON.stringify(line)}`)
    if (headers.has(name.toLowerCase())) throw new Error(`a header twice: ${JSON.stringify(line)}`)
    headers.set(name.toLowerCase(), value)
  }
  return headers
}

function lengthOf(headers: ReadonlyMap<string, string>): number {
  const text = headers.get('content-length') ?? ''
  if (!/^(0|[1-9]\d*)$/.test(text)) throw new Error(`not a content-length: ${JSON.stringify(text)}`)
  if (headers.has('transfer-encoding')) throw new Error('content-length and transfer-encoding')
  return Number(text)
}
