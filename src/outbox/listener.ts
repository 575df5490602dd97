import { type EventEmitter, once } from 'node:events'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import pgListen, { type Subscriber } from 'pg-listen'
import { messageOf } from '../errors.ts'
import { retryDelayMs } from '../policy/decision.ts'
import { connectMs, listenerPause, listenerSteadyMs } from '../policy/tuning.ts'
import { isLockTimeout } from './database-errors.ts'
import { hostsOf, sameHost } from './hosts.ts'
import type { Session } from './session.ts'
import { listenOptions } from './settings.ts'

export interface ListenerOptions {
  /** Called before each connection. */
  readonly connection: () => pg.ClientConfig
  readonly schema: string
  readonly applicationName: string
  /** Milliseconds between two checks that the connection is alive. */
  readonly heartbeatMs: number
  /** How long a check may take, in milliseconds. */
  readonly echoMs: number
}

/** pg-listen is a CommonJS module with a default export: Node imports the module object. */
const createSubscriber = pgListen.default

/** What the listener reports. */
export interface ListenerEvents {
  /**
   * Look for rows: a session notified, or the connection is new and may have missed something.
   *
   * @param from process id of the notifying session; null: the connection is new.
   */
  hint(from: number | null, payload?: string): void
  /**
   * The connection failed; another will be made.
   *
   * @param tries how many connections in a row, this one included, did not last a minute.
   */
  lost(reason: Error, tries: number): void
}

/**
 * Listens on the channel named like the schema, for ever.
 *
 * Each instance of pg-listen (1.7.0) is used for one connection only. Its own reconnection gives up, hangs on a
 * black-holed connect, stays deaf on a server that turned standby, and `close` cannot stop it. So at the first trouble
 * the subscriber is dropped, its socket destroyed, and another is built after a pause.
 *
 * An echo finds half-open sockets, which cause no error: the listener notifies a channel of its own and must hear it in
 * time.
 */
export class Listener {
  readonly #options: ListenerOptions
  readonly #events: ListenerEvents
  readonly #stop = new AbortController()
  /** True once a pooler has refused options in the startup packet. */
  #isBare = false
  #rebuild = new AbortController()
  #host = ''
  #server = ''
  #running: Promise<void> = Promise.resolve()

  constructor(options: ListenerOptions, events: ListenerEvents) {
    this.#options = options
    this.#events = events
  }

  start(): void {
    this.#running = this.#run()
  }

  /** From now on it listens on the server of this session: notifications do not reach other servers. */
  follow({ connection, server }: Pick<Session, 'connection' | 'server'>): void {
    this.#host = hostsOf(connection)[0]?.name ?? ''
    if (this.#server !== '' && server !== this.#server)
      this.#rebuild.abort(new Error('the relay has moved to another server'))
    this.#server = server
  }

  /** The caller has reason to think that this listener is deaf. */
  distrust(): void {
    this.#rebuild.abort(new Error('a callback arrived without a notification'))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted; failures += 1) {
      const startedAt = performance.now()
      const reason = await this.#listenOnce().catch((error: Error) => error)
      if (this.#stop.signal.aborted) return
      if (performance.now() - startedAt > listenerSteadyMs) failures = 0
      this.#events.lost(reason, failures + 1)
      await sleep(retryDelayMs(failures + 1, listenerPause, Math.random), undefined, {
        signal: this.#stop.signal,
      }).catch(() => {})
    }
  }

  /** Listens until something fails; resolves with the reason. */
  async #listenOnce(): Promise<Error> {
    const socket = new Socket()
    const subscriber = this.#subscriber(socket)
    this.#rebuild = new AbortController()
    const ended = AbortSignal.any([this.#stop.signal, this.#rebuild.signal])
    try {
      return await Promise.race([
        this.#heartbeats(subscriber, ended),
        new Promise<Error>(resolve => subscriber.events.on('error', resolve)),
        once(ended, 'abort').then(() => new Error(String(ended.reason?.message ?? 'stopped'))),
      ])
    } catch (error) {
      return error as Error
    } finally {
      void subscriber.close().catch(() => {})
      socket.destroy()
    }
  }

  #subscriber(socket: Socket): Subscriber {
    const { applicationName, echoMs } = this.#options
    const connection = sameHost(this.#host, this.#options.connection())
    const config: pg.ClientConfig & { stream: () => Socket } = {
      ...(this.#isBare ? connection : withOptions(connection, listenOptions(echoMs))),
      application_name: applicationName,
      connectionTimeoutMillis: connectMs,
      query_timeout: echoMs,
      stream: () => socket,
    }
    // Any role may send any payload, so it is never parsed as JSON.
    return createSubscriber(config, { retryLimit: 1, paranoidChecking: false, parse: (text: string) => text })
  }

  async #heartbeats(subscriber: Subscriber, ended: AbortSignal): Promise<Error> {
    const { schema, heartbeatMs, echoMs } = this.#options
    const echo = `${schema}_echo_${process.pid}_${Math.random().toString(36).slice(2, 10)}`
    subscriber.events.on('notification', ({ channel, processId, payload }) => {
      if (channel === schema) this.#events.hint(processId, payload)
    })
    await this.#connect(subscriber)
    await subscriber.listenTo(schema)
    await subscriber.listenTo(echo)
    this.#events.hint(null)
    while (!ended.aborted) {
      const signal = AbortSignal.timeout(echoMs)
      const heard = once(subscriber.notifications as unknown as EventEmitter, echo, { signal })
      heard.catch(() => {})
      const isSent = await subscriber.notify(echo, '').then(() => true, isStuck)
      if (isSent) {
        await heard.catch(() => {
          throw new Error(`the listener did not hear its own notification within ${echoMs} ms`)
        })
      }
      await sleep(heartbeatMs, undefined, { signal: ended }).catch(() => {})
    }
    return new Error('stopped')
  }

  async #connect(subscriber: Subscriber): Promise<void> {
    try {
      await subscriber.connect()
    } catch (error) {
      const code = (error as { code?: unknown }).code
      if (code === '08P01') this.#isBare = true
      if (code !== '53300') throw error
      const remedy = "raise the role's CONNECTION LIMIT, max_connections, or the pool size of the pooler"
      throw new Error(`the last of the 5 connections that a relay needs is refused (${messageOf(error)}); ${remedy}`)
    }
  }
}

/**
 * False: the server answers, but a transaction that has notified is still committing, and no other can notify. The
 * connection is sound.
 *
 * @throws any other error.
 */
function isStuck(error: unknown): false {
  if (isLockTimeout(error)) return false
  throw error
}

/** Adds to the options that the URL or PGOPTIONS give already. */
function withOptions(connection: pg.ClientConfig, options: string): pg.ClientConfig {
  const { connectionString } = connection
  const inUrl = /([?&]options=)([^&#]*)/
  if (connectionString !== undefined && inUrl.test(connectionString)) {
    const more = encodeURIComponent(` ${options}`)
    return { ...connection, connectionString: connectionString.replace(inUrl, `$1$2${more}`) }
  }
  return { ...connection, options: `${connection.options ?? process.env.PGOPTIONS ?? ''} ${options}`.trim() }
}
