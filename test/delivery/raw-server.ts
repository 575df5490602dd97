import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** What a raw server does with one connection: reads requests byte for byte, answers whatever the test wants. */
export class Line {
  readonly socket: Socket
  readonly #server: RawServer
  #unread = ''

  constructor(socket: Socket, server: RawServer) {
    this.socket = socket
    this.#server = server
    socket.on('error', () => {})
    socket.on('data', chunk => {
      server.bytes += chunk.length
      this.#unread += chunk.toString('latin1')
    })
  }

  /** The next complete request as text, head and body; rejects when the connection closes first. */
  async request(): Promise<string> {
    for (;;) {
      const length = lengthOfRequest(this.#unread)
      if (length !== null && this.#unread.length >= length) {
        const request = this.#unread.slice(0, length)
        this.#unread = this.#unread.slice(length)
        this.#server.requests.push(request)
        return request
      }
      if (this.socket.destroyed) throw new Error('closed')
      await dataOrCloseOf(this.socket)
    }
  }

  answer(status: string, body = '', headers = ''): void {
    this.socket.write(`HTTP/1.1 ${status}\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }

  /** Writes each piece, in latin1, after the other end of this process has had its turn to read the one before. */
  async pieces(...pieces: readonly string[]): Promise<void> {
    this.socket.setNoDelay(true)
    for (const piece of pieces) {
      this.socket.write(piece, 'latin1')
      for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate)
    }
  }
}

export class RawServer {
  /** Every complete request over all connections, in order of arrival. */
  readonly requests: string[] = []
  readonly lines: Line[] = []
  bytes = 0
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Runs `talk` for every connection; a connection that closes under it is the end of that talk and no failure. */
  static async listen(talk: (line: Line) => Promise<void> | void): Promise<RawServer> {
    const server = createServer({ allowHalfOpen: true })
    const raw = new RawServer(server)
    server.on('connection', socket => {
      const line = new Line(socket, raw)
      raw.lines.push(line)
      socket.on('end', () => socket.end())
      Promise.resolve(talk(line)).catch((error: Error) => {
        if (error.message !== 'closed') throw error
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return raw
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get url(): string {
    return `http://${this.host}/hook?a=1`
  }

  get openLines(): number {
    return this.lines.filter(({ socket }) => !socket.closed).length
  }

  /** Resolves when that many complete requests have arrived. */
  async received(count: number): Promise<void> {
    while (this.requests.length < count) await new Promise(setImmediate)
  }

  /** Resolves when every connection so far has closed. */
  async quiet(): Promise<void> {
    for (const { socket } of this.lines) if (!socket.closed) await closeOf(socket)
  }

  async close(): Promise<void> {
    for (const { socket } of this.lines) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** `events.once` would reject for the errors that these tests provoke. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    socket.once('close', () => resolve())
  })
}

function dataOrCloseOf(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      socket.off('data', done).off('close', done)
      resolve()
    }
    socket.on('data', done).on('close', done)
  })
}

function lengthOfRequest(text: string): number | null {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  return end + 4 + Number(/content-length: (\d+)/.exec(text)?.[1] ?? 0)
}
