/** A request as far as a receiver's book needs it. */
export interface RawRequest {
  readonly path: string
  readonly messageId: string
  readonly attempt: number
  readonly body: string
}

/** Cuts requests out of what comes in on a connection: a head, and as many bytes as its content-length says. */
export class Requests {
  readonly #found: (request: RawRequest) => void
  #held = Buffer.alloc(0)

  constructor(found: (request: RawRequest) => void) {
    this.#found = found
  }

  push(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk])
    for (;;) {
      const end = this.#held.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.#held.subarray(0, end).toString('latin1')
      const length = Number(header(head, 'content-length'))
      if (this.#held.length < end + 4 + length) return
      const body = this.#held.subarray(end + 4, end + 4 + length).toString('latin1')
      this.#held = this.#held.subarray(end + 4 + length)
      const path = head.split(' ', 2)[1] ?? ''
      this.#found({
        path,
        messageId: header(head, 'webhook-id'),
        attempt: Number(header(head, 'webhook-attempt')),
        body,
      })
    }
  }
}

function header(head: string, name: string): string {
  return new RegExp(`^${name}: *(.*?)\\r?$`, 'im').exec(head)?.[1] ?? ''
}
