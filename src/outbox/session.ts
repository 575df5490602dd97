import { Socket } from 'node:net'
import pg from 'pg'
import { StandbyError } from '../errors.ts'
import { askAfterMs, closeMs } from '../policy/tuning.ts'
import { type Aim, explainConnecting, placeOf } from './connect-error.ts'
import { endsSession } from './database-errors.ts'
import { connectMsOf, firstToOpen, hostsOf, targetOf } from './hosts.ts'

/** What a session of a relay is for. */
export type Purpose = 'claim' | 'record' | 'read' | 'keep' | 'listen'

/**
 * The name of a relay's session. PostgreSQL cuts names at 63 bytes, so the purpose, by which others search, comes
 * first.
 */
export function sessionName(purpose: Purpose, relay: string): string {
  return `ringback ${purpose} ${relay}`
}

/** A named statement: PostgreSQL keeps its plan under the name. */
export interface Statement {
  readonly name: string
  /**
   * A function of the schema if it names our objects. The schema is a plain lower-case name, so nothing needs quotes.
   */
  readonly text: string | ((schema: string) => string)
}

/** The text that is sent to PostgreSQL. */
export function textIn({ text }: Statement, schema: string): string {
  return typeof text === 'string' ? text : text(schema)
}

export interface SessionOptions {
  /** The URL may name several hosts. */
  readonly connection: pg.ClientConfig
  readonly schema: string
  /** Shown in pg_stat_activity, cut at 63 bytes; see `sessionName`. */
  readonly applicationName: string
  /**
   * How long an answer may take, in milliseconds. After that the connection counts as dead, since a half-open socket
   * raises no error.
   */
  readonly timeoutMs: number
  /** false if a pooler between does not support prepared statements. */
  readonly prepared: boolean
  /**
   * What to do if the server is in recovery. Default `refuse`, which always applies with several hosts. `read` suits
   * commands that only read.
   */
  readonly onStandby?: 'refuse' | 'read'
  /** Called after each answer to a named statement, with the milliseconds that it took. */
  readonly answered?: ((statement: string, ms: number) => void) | undefined
  /**
   * Called repeatedly while an answer is overdue. True: the server waits for something, so the connection is not dead.
   */
  readonly isWaiting?: (backend: Backend) => Promise<boolean>
}

/** The server process of a session. Process ids are reused, so its start time is part of the identity. */
export interface Backend {
  readonly pid: number
  /**
   * Seconds since 1970, as PostgreSQL writes them; null if the role of the session (`SET ROLE`) may not see its own
   * session.
   */
  readonly since: string | null
}

/**
 * One connection. After its first failure it is never used again: `lost` resolves, and its owner opens another. So no
 * statement runs without the session's settings and locks.
 */
export class Session {
  readonly #client: pg.Client
  readonly #socket: Socket
  readonly #options: SessionOptions
  readonly #written = new WeakMap<Statement, pg.QueryConfig>()
  #lose: (reason: Error) => void = () => {}
  #open = true
  #peer: { readonly address: string; readonly port: number } | null = null
  #server = ''
  #backend: Backend = { pid: 0, since: null }
  #usedAt = performance.now()
  #unanswered = 0
  /** Resolves with the reason when the connection fails; stays pending after an orderly `close`. */
  readonly lost: Promise<Error>

  private constructor(client: pg.Client, socket: Socket, options: SessionOptions) {
    this.#client = client
    this.#socket = socket
    this.#options = options
    this.lost = new Promise(resolve => {
      this.#lose = resolve
    })
    // Read at once: a closed socket no longer knows its peer.
    socket.once('connect', () => {
      const { remoteAddress: address, remotePort: port } = socket
      if (address !== undefined && port !== undefined) this.#peer = { address, port }
    })
    client.on('error', error => this.#fail(error))
    client.on('end', () => this.#fail(new Error('the connection to the database ended')))
  }

  /**
   * Connects, and sets nothing: behind a pooler the session may be another program's.
   *
   * @throws StandbyError, unless `onStandby` is `read`; MissingPasswordError; or why it cannot connect.
   */
  static async open(options: SessionOptions): Promise<Session> {
    const hosts = hostsOf(options.connection)
    const withinMs = connectMsOf(options.connection, hosts.length)
    if (hosts.length === 1) return Session.#openOne(options, withinMs)
    return firstToOpen(hosts, connection => Session.#openOne({ ...options, connection, onStandby: 'refuse' }, withinMs))
  }

  static async #openOne(options: SessionOptions, withinMs: number): Promise<Session> {
    const socket = new Socket()
    const config: pg.ClientConfig & { stream: () => Socket } = {
      connectionTimeoutMillis: withinMs,
      keepAlive: true,
      ...options.connection,
      application_name: options.applicationName,
      stream: () => socket,
    }
    const client = new pg.Client(config)
    const session = new Session(client, socket, options)
    try {
      await client.connect().catch(error => {
        throw explainConnecting(error, session.#target)
      })
      await session.#meet(withinMs)
      return session
    } catch (error) {
      session.destroy()
      throw error
    }
  }

  get #target(): Aim {
    const { host, port, user, password } = this.#client
    const isNamed = Object.keys(this.#options.connection).length > 0 || Boolean(process.env.PGHOST)
    return { host, port, user, hasPassword: Boolean(password), isNamed }
  }

  /** A configuration that leads to the same server again. */
  get connection(): pg.ClientConfig {
    return this.#options.connection
  }

  /** The address of the server, for people. */
  get place(): string {
    return placeOf(this.#target)
  }

  /** The role that has logged in. */
  get login(): string {
    return this.#client.user ?? 'the login'
  }

  async #meet(withinMs: number): Promise<void> {
    const { rows } = await this.query({ text: meeting }, Math.min(this.#options.timeoutMs, withinMs))
    const [met] = rows as ({ standby: boolean; readOnly: boolean; server: string } & Backend)[]
    if (!met) throw new Error('a statement without a table must return a row')
    if (met.standby && this.#options.onStandby !== 'read')
      throw new StandbyError('the database is a standby (in recovery); name the primary')
    if (met.readOnly && targetOf(this.#options.connection) === 'read-write')
      throw new StandbyError(
        'the server is read-only (default_transaction_read_only), and target_session_attrs wants read-write',
      )
    this.#server = met.server
    this.#backend = { pid: met.pid, since: met.since }
  }

  /**
   * Runs a statement and returns its rows.
   *
   * @throws pg.DatabaseError when PostgreSQL refuses the statement and the session goes on. Any other error has ended
   * the session.
   */
  async rows<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    const sentAt = performance.now()
    const { rows } = await this.query({ ...this.#write(statement), values: [...values] })
    this.#options.answered?.(statement.name, performance.now() - sentAt)
    return rows as Row[]
  }

  /** Runs a statement without a name; throws as `rows` does. */
  async query(query: pg.QueryConfig<unknown[]>, timeoutMs = this.#options.timeoutMs): Promise<pg.QueryResult> {
    if (!this.#open) throw new Error('the connection to the database is lost')
    try {
      return await this.#answer(query, timeoutMs)
    } catch (error) {
      if (endsSession(error)) this.#fail(error as Error)
      throw error
    }
  }

  /** The schema that the statements are for. */
  get schema(): string {
    return this.#options.schema
  }

  /** The server process that answered when the session was opened. */
  get backend(): Backend {
    return this.#backend
  }

  /** Its process id, by which notifications name their sender. */
  get pid(): number {
    return this.#backend.pid
  }

  /** The process id announced when the connection was made. A pooler announces one of its own. */
  get announcedPid(): number | undefined {
    return (this.#client as unknown as { processID?: number }).processID
  }

  /** How long the connection has been idle, in milliseconds; 0 while an answer is outstanding. */
  get idleMs(): number {
    return this.#unanswered > 0 ? 0 : performance.now() - this.#usedAt
  }

  /** The server's end of the connection, or that of a pooler between; null over a Unix socket. */
  get peer(): { readonly address: string; readonly port: number } | null {
    return this.#peer
  }

  /**
   * The start time of the server, to the microsecond. It tells servers apart, and one server before and after a
   * restart.
   */
  get server(): string {
    return this.#server
  }

  /** Runs text that may hold several statements. */
  async run(text: string): Promise<void> {
    await this.query({ text })
  }

  /**
   * Ends the session in order: its locks are gone when it resolves. A server that does not answer within `closeMs` is
   * left alone.
   */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    const giveUp = setTimeout(() => this.#socket.destroy(), Math.min(this.#options.timeoutMs, closeMs))
    await this.#client.end().catch(() => {})
    clearTimeout(giveUp)
  }

  /** Closes the socket at once, without a message to the server. */
  destroy(): void {
    this.#open = false
    this.#socket.destroy()
  }

  #answer(query: pg.QueryConfig<unknown[]>, timeoutMs: number): Promise<pg.QueryResult> {
    this.#unanswered += 1
    return new Promise((resolve, reject) => {
      const stop = this.#watch(timeoutMs, reject)
      const answered = () => {
        stop()
        this.#unanswered -= 1
        this.#usedAt = performance.now()
      }
      this.#client.query(query).then(resolve, reject).finally(answered)
    })
  }

  /**
   * Calls `late` when an answer is overdue and the server is not known to be waiting. An AbortSignal with Promise.race
   * would double the CPU per statement.
   *
   * @returns a function that ends the watch.
   */
  #watch(timeoutMs: number, late: (error: Error) => void): () => void {
    const { isWaiting } = this.#options
    let endMs = performance.now() + timeoutMs
    let timer: NodeJS.Timeout | undefined
    const wait = () => {
      const leftMs = endMs - performance.now()
      if (leftMs > 0) timer = setTimeout(ask, isWaiting ? Math.min(leftMs, askAfterMs) : leftMs)
      else late(new Error(`timeout: the database did not answer within ${timeoutMs} ms`))
    }
    const ask = async () => {
      if (await isWaiting?.(this.#backend).catch(() => false)) endMs = performance.now() + timeoutMs
      if (timer !== undefined) wait()
    }
    wait()
    return () => {
      clearTimeout(timer)
      timer = undefined
    }
  }

  #fail(reason: Error): void {
    if (!this.#open) return
    this.destroy()
    this.#lose(reason)
  }

  /** Written once for each statement, since some run hundreds of times a second. */
  #write(statement: Statement): pg.QueryConfig {
    let written = this.#written.get(statement)
    if (written === undefined) {
      const text = textIn(statement, this.schema)
      written = this.#options.prepared ? { name: statement.name, text } : { text }
      this.#written.set(statement, written)
    }
    return written
  }
}

const meeting = `
  select pg_catalog.pg_is_in_recovery() as standby, pg_catalog.pg_backend_pid() as pid,
         pg_catalog.current_setting('default_transaction_read_only')::pg_catalog.bool as "readOnly",
         extract(epoch from pg_catalog.pg_postmaster_start_time())::pg_catalog.text as server,
         (select extract(epoch from backend_start)::pg_catalog.text
            from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())) as since`
