const END_OF_HEAD = Buffer.from('\r\n\r\n')
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i
const N = 0x6e
const EQUALS = 0x3d
const ZERO = 0x30

/**
 * Cuts the bytes of one connection into requests, without an HTTP parser: to the end of the head, then as many bytes as its
 * Content-Length says. Nothing is checked; chunked bodies are not understood. For the receiver, which must cost less than
 * what it measures.
 */
export class Requests {
  /** What is left of an unfinished request. */
  #rest: Buffer | null = null

  /** @param each gets the body of every request that is whole now; the buffer is only good during the call. */
  read(chunk: Buffer, each: (body: Buffer) => void): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk])
    let start = 0
    for (;;) {
      const bodyStart = endOfHead(bytes, start)
      if (bodyStart === -1) break
      const end = bodyStart + contentLength(bytes, start, bodyStart)
      if (end > bytes.length) break
      each(bytes.subarray(bodyStart, end))
      start = end
    }
    this.#rest = start === bytes.length ? null : bytes.subarray(start)
  }
}

function endOfHead(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(END_OF_HEAD, from)
  return at === -1 ? -1 : at + END_OF_HEAD.length
}

/** Bytes; 0 when the head does not say. */
function contentLength(bytes: Buffer, from: number, to: number): number {
  const found = CONTENT_LENGTH.exec(bytes.toString('latin1', from, to))
  return found === null ? 0 : Number(found[1])
}

/** The number in a form that begins with `n=<digits>`; -1 for any other. */
export function numberOf(body: Buffer): number {
  if (body[0] !== N || body[1] !== EQUALS) return -1
  let number = 0
  for (let at = 2; at < body.length; at++) {
    const digit = (body[at] ?? 0) - ZERO
    if (digit < 0 || digit > 9) break
    number = number * 10 + digit
  }
  return number
}
