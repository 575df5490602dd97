import type { Socket } from 'node:net'
import { maxHeadBytes } from '../policy/tuning.ts'
import { type Head, headFor, mayBeHead, TOO_LONG } from './answer-head.ts'

const LF = 10
const CR = 13

/**
 * Rewrites the heads of answers (`headFor`) between a socket and undici's parser, which takes what `socket.read()`
 * returns. All other bytes pass unchanged. undici reports those that are not HTTP, or that nobody asked for.
 */
export class HeadReader {
  readonly #read: () => Buffer | null
  #isAwaited = false
  /** The head so far, in latin1. */
  #head = ''
  /** The last whole head, and what it became. A receiver's answers often have equal heads for a second. */
  #last: { readonly head: string; readonly rewritten: Head | null } = { head: '', rewritten: null }
  /** How many characters its last line has so far, without CR. */
  #lineLength = 0
  /**
   * Length of all 1xx heads before the answer's own. Together they may be as long as one head: each costs the relay
   * microseconds, and a receiver could send them without a pause until the deadline.
   */
  #interimLength = 0
  /** Bytes that came in one chunk with a head, after it. */
  #behind: Buffer | null = null

  constructor(socket: Socket) {
    const read = socket.read.bind(socket)
    this.#read = read
    // Node itself calls `read(0)`, to start reading from the socket. That takes no bytes.
    socket.read = size => (size === 0 ? read(0) : this.#next())
  }

  /** To be called right before a request's first byte is written. */
  awaitHead(): void {
    this.#isAwaited = true
    this.#interimLength = 0
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

  /** null: the head is not complete. */
  #rewrite(chunk: Buffer): Buffer | null {
    const before = this.#head.length
    const end = this.#endIn(chunk)
    this.#head += chunk.toString('latin1', 0, end ?? chunk.length)
    const isShort = this.#head.length <= maxHeadBytes
    if (end === null && isShort && (before >= 5 || mayBeHead(this.#head))) return null
    if (end !== null && end < chunk.length) this.#behind = chunk.subarray(end)
    const head = end !== null && isShort ? this.#whole(this.#head) : headFor(this.#head, false)
    const isInterim = head?.isFinal === false
    if (isInterim) this.#interimLength += this.#head.length
    const isTooLong = this.#interimLength > maxHeadBytes
    const text = isTooLong ? TOO_LONG : (head?.text ?? this.#head)
    if (isTooLong) this.#behind = null
    this.#isAwaited = isInterim && !isTooLong
    this.#head = ''
    this.#lineLength = 0
    return Buffer.from(text, 'latin1')
  }

  #whole(head: string): Head | null {
    if (head !== this.#last.head) this.#last = { head, rewritten: headFor(head, true) }
    return this.#last.rewritten
  }

  /** The index after the head's empty line; null: not in this chunk. */
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
