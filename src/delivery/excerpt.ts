import { StringDecoder } from 'node:string_decoder'

/**
 * The beginning of an answer's body, for a person to read. It is a copy: a kept chunk would hold the whole 64 KiB
 * buffer that was read from the socket.
 */
export class Excerpt {
  readonly #limit: number
  #bytes: Buffer | null = null
  #withheld: string | null = null

  /** @param limit bytes to keep; 0 keeps none. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** False: nothing of the body is shown. */
  get isKept(): boolean {
    return this.#limit > 0 && this.#withheld === null
  }

  /**
   * Takes the answer's `content-encoding`. An encoded body, which we never ask for, is not decoded and not kept.
   *
   * @returns whether it is encoded.
   */
  encodedAs(encoding: string | undefined): boolean {
    const name = encoding?.trim().toLowerCase() ?? ''
    if (name === '' || name === 'identity') return false
    this.withhold(`content-encoding ${/^[\w-]{1,20}$/.test(name) ? name : 'unknown'}`)
    return true
  }

  /** Keeps the reason in place of the body. */
  withhold(why: string): void {
    this.#withheld ??= why
  }

  add(chunk: Buffer): void {
    // Most bodies are short and come in one chunk. A body of 1-byte chunks costs 512 KiB of copying at worst.
    const room = this.#limit - (this.#bytes?.length ?? 0)
    if (room <= 0) return
    const more = chunk.subarray(0, room)
    this.#bytes = this.#bytes === null ? Buffer.from(more) : Buffer.concat([this.#bytes, more])
  }

  /**
   * The excerpt as text that PostgreSQL accepts: bytes that are not UTF-8 become U+FFFD, NUL is removed, and a
   * character that the limit cuts is left out. null when there was no body.
   */
  text(): string | null {
    if (this.#bytes === null) return null
    if (this.#withheld !== null) return `(not kept: ${this.#withheld})`
    const cut = this.#bytes.length === this.#limit
    const text = cut ? new StringDecoder('utf8').write(this.#bytes) : this.#bytes.toString('utf8')
    return text.includes('\0') ? text.replaceAll('\0', '') : text
  }
}
