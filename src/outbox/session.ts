import { Socket } from 'node:net'
import pg from 'pg'
import { StandbyError } from '../errors.ts'
import { askAfterMs, closeMs } from '../policy/tuning.ts'
import { type Aim, explainConnecting, placeOf } from './connect-error.ts'
import { endsSession } from './database-errors.ts'
import { connectMsOf, firstToOpen, hostsOf, targetOf } from './hosts.ts'

/** What a relay's session is for. */
export type Purpose = 'claim' | 'record' | 'read' | 'keep' | 'listen'

/** Of a relay's session. PostgreSQL cuts names at 63 bytes, so what others look for, the purpose, comes before the relay's name. */
export function sessionName(purpose: Purpose, relay: string): string {
  return `ringback ${purpose} ${relay}`
}

/** A statement with a name, under which PostgreSQL keeps its plan. */
export interface Statement {
  readonly name: string
  /** A function of the schema where it names anything of ours. A schema has a plain lower-case name, so nothing needs quoting. */
  readonly text: string | ((schema: string) => string)
}

/** The SQL that PostgreSQL is sent. */
export function textIn({ text }: Statement, schema: string): string {
  return typeof text === 'string' ? text : text(schema)
}

export interface SessionOptions {
  /** Its URL may name several hosts. */
  readonly connection: pg.ClientConfig
  readonly schema: string
  /** Shown in pg_stat_activity, cut at 63 bytes; see `sessionName`. */
  readonly applicationName: string
  /** An answer that takes longer means that the connection is dead (a half-open socket never says so), in milliseconds. */
  readonly timeoutMs: number
  /** false where something in between does not carry prepared statements. */
  readonly prepared: boolean
  /** What to do when the server is in recovery; default `refuse`, and always where there are other hosts. `read` is for those who only want to look. */
  readonly onStandby?: 'refuse' | 'read'
  /** Told of each answer, to a statement with a name, and of how long it took in milliseconds. */
  readonly answered?: ((statement: string, ms: number) => void) | undefined
  /** Asked while an answer is overdue, again and again. true: the server is waiting for something, so the connection is not dead. */
  readonly isWaiting?: (backend: Backend) => Promise<boolean>
}

/** The server's process behind a session. Ids are used again; together with its start it is the only one. */
export interface Backend {
  readonly pid: number
  /** Seconds since 1970, as PostgreSQL writes them; null where the session's role (`SET ROLE`) may not see its own session. */
  readonly since: string | null
}

/**
 * One connection. It is used until it fails for the first time and never again: `lost` then settles, and whoever opened it
 * opens another. So no statement runs on a connection whose settings or locks are gone without anybody noticing.
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
  /** Resolves with the reason when the connection has failed; stays pending after an orderly `close`. */
  readonly lost: Promise<Error>

  private constructor(client: pg.Client, socket: Socket, options: SessionOptions) {
    this.#client = client
    this.#socket = socket
    this.#options = options
    this.lost = new Promise(resolve => {
      this.#lose = resolve
    })
    // Asked for at once: a socket that has closed knows its peer no longer.
    socket.once('connect', () => {
      const { remoteAddress: address, remotePort: port } = socket
      if (address !== undefined && port !== undefined) this.#peer = { address, port }
    })
    client.on('error', error => this.#fail(error))
    client.on('end', () => this.#fail(new Error('the connection to the database ended')))
  }

  /**
   * Connects, and sets nothing: whose session it is behind a pooler is not known yet.
   *
   * @throws StandbyError when the server is in recovery, unless `onStandby` is `read`; MissingPasswordError; or what says why it cannot connect.
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

  /** What leads to the same server again. */
  get connection(): pg.ClientConfig {
    return this.#options.connection
  }

  /** Where the server is, as people are told. */
  get place(): string {
    return placeOf(this.#target)
  }

  /** Whose session it is: the role that has logged in. */
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
   * @throws pg.DatabaseError when PostgreSQL refuses the statement and the session goes on; any other error has ended it.
   */
  async rows<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    const sentAt = performance.now()
    const { rows } = await this.query({ ...this.#write(statement), values: [...values] })
    this.#options.answered?.(statement.name, performance.now() - sentAt)
    return rows as Row[]
  }

  /** Runs a statement that has no name; throws as `rows` does. */
  async query(query: pg.QueryConfig<unknown[]>, timeoutMs = this.#options.timeoutMs): Promise<pg.QueryResult> {
    if (!this.#open) throw new Error('the connection to the database is lost')
    try {
      return await this.#answer(query, timeoutMs)
    } catch (error) {
      if (endsSession(error)) this.#fail(error as Error)
      throw error
    }
  }

  /** Whose tables the statements are about. */
  get schema(): string {
    return this.#options.schema
  }

  /** The server's side, which answered when the session was opened. */
  get backend(): Backend {
    return this.#backend
  }

  /** Process id of the server's side, as notifications name their sender. */
  get pid(): number {
    return this.#backend.pid
  }

  /** Process id that was named when the connection was made; a pooler names one of its own. */
  get announcedPid(): number | undefined {
    return (this.#client as unknown as { processID?: number }).processID
  }

  /** For how long nothing has passed, in milliseconds; 0 while an answer is on its way. */
  get idleMs(): number {
    return this.#unanswered > 0 ? 0 : performance.now() - this.#usedAt
  }

  /** The server's end of the connection, or that of a pooler before it; null over a Unix socket. */
  get peer(): { readonly address: string; readonly port: number } | null {
    return this.#peer
  }

  /** Tells one server from another, and from itself before it was started again: when it was started, to the microsecond. */
  get server(): string {
    return this.#server
  }

  /** Runs text that may hold several statements or settings. */
  async run(text: string): Promise<void> {
    await this.query({ text })
  }

  /**
   * Ends the session in order: locks are gone when it resolves. A server that does not answer within the time for an answer
   * is left alone.
   */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    const giveUp = setTimeout(() => this.#socket.destroy(), Math.min(this.#options.timeoutMs, closeMs))
    await this.#client.end().catch(() => {})
    clearTimeout(giveUp)
  }

  /** Ends it at once, without a word to the server. */
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
   * Calls `late` when the time for an answer is over and the server is not known to be waiting. By hand: with an AbortSignal
   * and Promise.race a statement costs twice the CPU.
   *
   * @returns ends the watch.
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

  /** Once for each statement: some run hundreds of times a second. */
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
