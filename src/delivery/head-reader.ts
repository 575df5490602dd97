import type { Socket } from 'node:net'
import { maxHeadBytes } from '../policy/tuning.ts'
import { headFor, mayBeHead } from './answer-head.ts'

const LF = 10
const CR = 13

/**
 * Stands between a socket and undici's parser, which takes what `socket.read()` returns, and rewrites the heads of answers for
 * it (`headFor`). Everything else passes as it came: bodies; what is no head, so that undici says what is wrong with it; what
 * comes while no request is out, which undici takes for the fault that it is.
 */
export class HeadReader {
  readonly #read: () => Buffer | null
  #isAwaited = false
  /** The head so far, in latin1. */
  #head = ''
  /** Characters of its last line, without CR. */
  #lineLength = 0
  /** What came in one piece with a head. */
  #behind: Buffer | null = null

  constructor(socket: Socket) {
    const read = socket.read.bind(socket)
    this.#read = read
    // Node itself calls `read(0)`, to have the socket read and not to take anything.
    socket.read = size => (size === 0 ? read(0) : this.#next())
  }

  /** To be called right before a request's first byte is written. */
  awaitHead(): void {
    this.#isAwaited = true
  }

  #next(): Buffer | null {
    for (;;) {
      const chunk = this.#behind ?? this.#read()
      this.#behind = null
      if (chunk === null || !this.#isAwaited) return chunk
      const rewritten = this.#rewrite(chunk)
      if (rewritten !== null) return rewritten
    }
  }

  /** null: the head goes on. */
  #rewrite(chunk: Buffer): Buffer | null {
    const before = this.#head.length
    const end = this.#endIn(chunk)
    this.#head += chunk.toString('latin1', 0, end ?? chunk.length)
    const isShort = this.#head.length <= maxHeadBytes
    if (end === null && isShort && (before >= 5 || mayBeHead(this.#head))) return null
    if (end !== null && end < chunk.length) this.#behind = chunk.subarray(end)
    const head = headFor(this.#head, end !== null && isShort)
    const text = head?.text ?? this.#head
    this.#isAwaited = head?.isFinal === false
    this.#head = ''
    this.#lineLength = 0
    return Buffer.from(text, 'latin1')
  }

  /** Where the head ends, behind its empty line; null: not in this chunk. */
  #endIn(chunk: Buffer): number | null {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === LF) {
        if (this.#lineLength === 0) return at + 1
        this.#lineLength = 0
      } else if (byte !== CR) this.#lineLength++
    }
    return null
  }
}
