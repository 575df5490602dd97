import { StringDecoder } from 'node:string_decoder'

/**
 * The beginning of an answer's body, for a person to read later. Keeps a copy of at most `limit` bytes and no chunk, since
 * a chunk is a view on the 64 KiB that were read from the socket. In place of an encoded body, which nobody asked for, it
 * says how that is encoded.
 */
export class Excerpt {
  readonly #limit: number
  #bytes: Buffer | null = null
  #withheld: string | null = null

  /** @param limit bytes to keep; 0 keeps none. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** False: nothing of the body is to be seen. */
  get isKept(): boolean {
    return this.#limit > 0 && this.#withheld === null
  }

  /**
   * The answer's `content-encoding`. What is encoded is not kept: its bytes say nothing, and it is never unpacked.
   *
   * @returns whether it is encoded.
   */
  encodedAs(encoding: string | undefined): boolean {
    const name = encoding?.trim().toLowerCase() ?? ''
    if (name === '' || name === 'identity') return false
    this.withhold(`content-encoding ${/^[\w-]{1,20}$/.test(name) ? name : 'unknown'}`)
    return true
  }

  /** Nothing is kept but why. */
  withhold(why: string): void {
    this.#withheld ??= why
  }

  add(chunk: Buffer): void {
    // Nearly every body is short and comes in one chunk; a receiver that drips costs us 512 KiB of copying at the worst.
    const room = this.#limit - (this.#bytes?.length ?? 0)
    if (room <= 0) return
    const more = chunk.subarray(0, room)
    this.#bytes = this.#bytes === null ? Buffer.from(more) : Buffer.concat([this.#bytes, more])
  }

  /**
   * What was kept, as text that PostgreSQL accepts: bytes that are not UTF-8 become U+FFFD, NUL is removed, a character that
   * the limit cut in two is left out. null when there was no body.
   */
  text(): string | null {
    if (this.#bytes === null) return null
    if (this.#withheld !== null) return `(not kept: ${this.#withheld})`
    const cut = this.#bytes.length === this.#limit
    const text = cut ? new StringDecoder('utf8').write(this.#bytes) : this.#bytes.toString('utf8')
    return text.includes('\0') ? text.replaceAll('\0', '') : text
  }
}
