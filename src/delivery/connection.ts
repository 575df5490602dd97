/**
 * One undici Client, held to one socket and one request at a time. Why not undici's Pool (7.30):
 *
 * - After an abort in mid-request, the Client queues the aborted request again and opens a new connection for it
 *   (`onHttpSocketClose` in client-h1.js, `_resume` in client.js). Destroying a Client that nobody else uses does not.
 * - A Client whose connect failed leaves the Pool and still takes requests from the Pool's queue. `connections` does
 *   not count it and `destroy()` does not reach it (`kOnDrain` in pool-base.js).
 * - A Client reconnects without end or pause when a connector fails with UND_ERR_SOCKET or UND_ERR_INFO (`onError`).
 * - A Pool does not tell whether a request went out on a reused socket. That distinguishes a keep-alive race from a
 *   receiver that hangs up.
 */
import type { Socket } from 'node:net'
import { buildConnector, Client, type Dispatcher } from 'undici'
import { maxHeadBytes } from '../policy/tuning.ts'
import type { Endpoint } from './address-policy.ts'
import { HeadReader } from './head-reader.ts'

/**
 * Opens a socket, also to a literal address. An error ends the attempt (`whyNotSent`). The returned object, such as a
 * Socket, is destroyed when the attempt ends before it connects.
 */
export type Connect = (target: buildConnector.Options, callback: buildConnector.Callback) => unknown

/** Opens a socket and judges no address. @param timeoutMs until it is connected, TLS included. */
export function directConnect(timeoutMs: number): Connect {
  return buildConnector({ timeout: timeoutMs, allowH2: false })
}

/** A connection in the making, which can be given up. */
interface Opening {
  destroy(reason: Error): unknown
}

export interface ConnectionOptions {
  readonly connect: Connect
  /** How long it may stay idle, in milliseconds. */
  readonly keepAliveMs: number
  /** Called once its socket has closed, whoever closed it, with the reason. */
  readonly closed: (connection: Connection, reason: Error) => void
}

export class Connection {
  readonly origin: string
  /** `performance.now()` when it last became idle. The pool uses it to find the least recently used. */
  idleSinceMs = 0
  /** `performance.now()` from when on it gets no new request. */
  retiresAtMs = Number.POSITIVE_INFINITY
  readonly #client: Client
  readonly #connect: Connect
  #socket: Socket | null = null
  #heads: HeadReader | null = null
  #opening: Opening | null = null
  #answered = 0

  /** @param origin spelt as the column `origin`. */
  constructor(origin: string, options: ConnectionOptions) {
    this.origin = origin
    this.#connect = options.connect
    this.#client = new Client(origin, {
      connect: (target, callback) => this.#open(target, callback),
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMs,
      maxHeaderSize: maxHeadBytes,
      // The exchange has one deadline over the whole attempt. undici's timeouts restart with each 1xx and each chunk.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    this.#client.on('disconnect', (_origin, _targets, reason) => options.closed(this, reason))
  }

  /** False before the first connect, and again once the socket is destroyed. */
  get open(): boolean {
    return this.#socket !== null && !this.#socket.connecting && !this.#socket.destroyed
  }

  /** The other end of the present socket; null when there is none. */
  get peer(): Endpoint | null {
    const { remoteAddress: address, remotePort: port } = this.#socket ?? {}
    return address === undefined || port === undefined ? null : { address, port }
  }

  /** True when the present socket has carried an answer before. */
  get reused(): boolean {
    return this.#answered > 0
  }

  send(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(request, handler)
  }

  /** To be called right before a request's first byte is written. */
  asked(): void {
    this.#heads?.awaitHead()
  }

  /** To be called after a complete answer. */
  answered(): void {
    this.#answered++
  }

  /** Closes it for good, also while it connects. Resolves when the socket is closed. */
  drop(reason: Error): Promise<void> {
    const destroyed = this.#client.destroy(reason)
    this.#opening?.destroy(reason)
    this.#socket?.destroy(reason)
    return destroyed
  }

  #open(target: buildConnector.Options, callback: buildConnector.Callback): void {
    const opening = this.#connect(target, (...result) => {
      const [error, socket] = result
      this.#opening = null
      this.#socket = socket ?? null
      this.#heads = socket ? new HeadReader(socket) : null
      this.#answered = 0
      // One failure is final: a Client that is not destroyed here would try again by itself.
      if (error) void this.#client.destroy(error)
      callback(...result)
    })
    if (this.#socket === null && isOpening(opening)) this.#opening = opening
  }
}

function isOpening(value: unknown): value is Opening {
  return value instanceof Object && 'destroy' in value && typeof value.destroy === 'function'
}
