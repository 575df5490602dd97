import { connectionLifetimeMs, keepAliveMs, maxIdleConnections, reuseLostMs } from '../policy/tuning.ts'
import { type Connect, Connection, type ConnectionOptions, directConnect } from './connection.ts'
import { Reuse } from './reuse.ts'

export interface ConnectionPoolOptions {
  /** How many connections an origin may have. With all in use, an attempt waits, within its deadline. Default 16. */
  readonly connectionsOf?: (origin: string) => number
  /** Idle connections over all origins. Above that, the least recently used is closed. Default 512. */
  readonly maxIdle?: number
  /** From the lookup of the name to the connected socket, TLS included, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number
  /** How long a connection may stay idle, in milliseconds. Default 4,000: common servers close theirs after 5,000. */
  readonly keepAliveMs?: number
  /**
   * How long a connection may be used, in milliseconds, less a random part of up to a quarter. Otherwise steady traffic
   * would go to an old address for ever. Default one minute.
   */
  readonly lifetimeMs?: number
  /** How long an origin's connections are not reused after `loseReuse`, in milliseconds. Default one hour. */
  readonly reuseLostForMs?: number
  /** Opens sockets; default `directConnect` with `connectTimeoutMs`. */
  readonly connect?: Connect
}

/** One attempt, which wants a connection. */
export interface ConnectionUser {
  /** The attempt has ended; a connection would come too late. */
  readonly over: boolean
  /** Receives the connection, which it has until `release`. */
  begin(connection: Connection): void
  abort(reason: string): void
}

/** The connections to one origin. */
interface Origin {
  /** Each with its present user; null while idle. */
  readonly open: Map<Connection, ConnectionUser | null>
  /** The most recently used last. */
  readonly idle: Connection[]
  readonly waiting: ConnectionUser[]
}

/**
 * The connections to all origins. Each is acquired for one request, and kept for a few seconds after it. An origin
 * without connections is forgotten, so idle receivers cost nothing.
 */
export class ConnectionPool {
  readonly #connectionsOf: (origin: string) => number
  readonly #maxIdle: number
  readonly #lifetimeMs: number
  readonly #connectionOptions: ConnectionOptions
  readonly #reuse: Reuse
  readonly #origins = new Map<string, Origin>()
  /** Opened with settings that may have changed. */
  readonly #outdated = new WeakSet<Connection>()
  /** Idle connections over all origins. */
  #idle = 0
  #closed = false

  constructor(options: ConnectionPoolOptions = {}) {
    this.#connectionsOf = options.connectionsOf ?? (() => 16)
    this.#maxIdle = options.maxIdle ?? maxIdleConnections
    this.#lifetimeMs = options.lifetimeMs ?? connectionLifetimeMs
    this.#reuse = new Reuse(options.reuseLostForMs ?? reuseLostMs, () => performance.now())
    this.#connectionOptions = {
      connect: options.connect ?? directConnect(options.connectTimeoutMs ?? 10_000),
      keepAliveMs: options.keepAliveMs ?? keepAliveMs,
      closed: (connection, reason) => this.#socketClosed(connection, reason),
    }
  }

  /** Connections to all origins. `open` includes those that are being opened. */
  get connections(): { readonly open: number; readonly idle: number } {
    let open = 0
    for (const origin of this.#origins.values()) open += origin.open.size
    return { open, idle: this.#idle }
  }

  /** Gives `user` a connection, at once or when one comes free. */
  acquire(name: string, user: ConnectionUser): void {
    if (this.#closed) {
      user.abort('shut down')
      return
    }
    const connection = this.#takeIdle(name)
    const origin = this.#origin(name)
    if (connection !== undefined) {
      begin(user, connection, origin)
    } else if (origin.open.size < this.#connectionsOf(name)) {
      begin(user, this.#connect(name), origin)
    } else {
      origin.waiting.push(user)
    }
  }

  /**
   * Takes the connection back. Must not be called inside undici's callbacks: there the socket still looks open after an
   * answer with `connection: close`.
   */
  release(connection: Connection): void {
    const origin = this.#origin(connection.origin)
    const next = nextOf(origin.waiting)
    if (connection.open && this.#mayServeAgain(connection)) {
      if (next === undefined) this.#keep(connection, origin)
      else begin(next, connection, origin)
      return
    }
    if (next !== undefined) begin(next, this.#connect(connection.origin), origin)
    this.#forget(connection, origin, 'not to be used again')
  }

  #mayServeAgain(connection: Connection): boolean {
    return this.reusable(connection.origin) && !this.#outdated.has(connection) && !isRetired(connection)
  }

  /** The most recently used idle connection that may serve again. Those above it have lived long enough, and are closed. */
  #takeIdle(name: string): Connection | undefined {
    const idle = this.#origins.get(name)?.idle ?? []
    for (let connection = idle.at(-1); connection && isRetired(connection); connection = idle.at(-1))
      this.#discard(connection, 'has lived long enough')
    if (idle.length > 0) this.#idle--
    return idle.pop()
  }

  /** False while each connection to the origin `name` carries one request only. */
  reusable(name: string): boolean {
    return this.#reuse.allowed(name)
  }

  /**
   * Stops reuse for that origin for a while: a reused connection died under a request, or an unasked answer came. That
   * could be taken for the answer to the next request.
   */
  loseReuse(name: string): void {
    this.#reuse.lose(name)
    const idle = this.#origins.get(name)?.idle ?? []
    for (const connection of [...idle]) this.#discard(connection, 'connections to the origin are not reused')
  }

  /** Called when settings change. No open connection is used again; requests under way end on theirs. */
  renew(): void {
    for (const { open, idle } of [...this.#origins.values()]) {
      for (const connection of open.keys()) this.#outdated.add(connection)
      for (const connection of [...idle]) this.#discard(connection, 'opened by settings of before')
    }
  }

  /** Ends every attempt under way: as `unknown` when its request has started, else as `not_sent`. */
  abort(reason: string): void {
    for (const { open, waiting } of [...this.#origins.values()])
      for (const user of [...open.values(), ...waiting]) user?.abort(reason)
  }

  /** Aborts the attempts under way, refuses new ones, and resolves when every socket is closed. */
  async close(): Promise<void> {
    this.#closed = true
    this.abort('shut down')
    const open = [...this.#origins.values()].flatMap(origin => [...origin.open.keys()])
    await Promise.all(open.map(connection => connection.drop(new Error('the relay shuts down'))))
  }

  #origin(name: string): Origin {
    let origin = this.#origins.get(name)
    if (origin === undefined) {
      origin = { open: new Map(), idle: [], waiting: [] }
      this.#origins.set(name, origin)
    }
    return origin
  }

  #connect(name: string): Connection {
    const connection = new Connection(name, this.#connectionOptions)
    connection.retiresAtMs = performance.now() + this.#lifetimeMs * (0.75 + Math.random() / 4)
    return connection
  }

  #keep(connection: Connection, origin: Origin): void {
    connection.idleSinceMs = performance.now()
    origin.open.set(connection, null)
    origin.idle.push(connection)
    if (++this.#idle > this.#maxIdle) this.#discard(this.#leastRecentlyUsed(), 'too many idle connections')
  }

  /** Walks over all origins with connections. That costs far less than opening a connection, which precedes it. */
  #leastRecentlyUsed(): Connection {
    let oldest: Connection | undefined
    for (const { idle } of this.#origins.values())
      if (idle[0] !== undefined && idle[0].idleSinceMs < (oldest?.idleSinceMs ?? Infinity)) oldest = idle[0]
    if (oldest === undefined) throw new Error('Counted idle connections where there are none')
    return oldest
  }

  #socketClosed(connection: Connection, reason: Error): void {
    if (this.#origins.get(connection.origin)?.idle.includes(connection)) this.#discard(connection, 'closed while idle')
    if (isUnaskedAnswer(reason)) this.loseReuse(connection.origin)
  }

  #discard(connection: Connection, reason: string): void {
    const origin = this.#origin(connection.origin)
    origin.idle.splice(origin.idle.indexOf(connection), 1)
    this.#idle--
    this.#forget(connection, origin, reason)
  }

  #forget(connection: Connection, origin: Origin, reason: string): void {
    void connection.drop(new Error(reason))
    origin.open.delete(connection)
    if (origin.open.size === 0 && origin.waiting.length === 0) this.#origins.delete(connection.origin)
  }
}

function isRetired({ retiresAtMs }: Connection): boolean {
  return performance.now() >= retiresAtMs
}

function nextOf(waiting: ConnectionUser[]): ConnectionUser | undefined {
  let next = waiting.shift()
  while (next?.over) next = waiting.shift()
  return next
}

/** undici's message when bytes come in while no request is out (`onMessageBegin` in client-h1.js). */
function isUnaskedAnswer(reason: Error): boolean {
  return reason.message === 'bad response'
}

function begin(user: ConnectionUser, connection: Connection, origin: Origin): void {
  origin.open.set(connection, user)
  user.begin(connection)
}
