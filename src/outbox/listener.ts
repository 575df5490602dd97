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
  /** Asked before each connection. */
  readonly connection: () => pg.ClientConfig
  readonly schema: string
  readonly applicationName: string
  /** How often the connection is proved alive, in milliseconds. */
  readonly heartbeatMs: number
  /** How long a proof may take, in milliseconds. */
  readonly echoMs: number
}

/** A CommonJS module with a default export of its own: Node hands us the module. */
const createSubscriber = pgListen.default

/** What the listener tells. */
export interface ListenerEvents {
  /**
   * Look for rows: somebody notified, or a connection is new and may have missed something.
   *
   * @param from process id of the notifying session; null: nobody, the connection is new.
   */
  hint(from: number | null, payload?: string): void
  /**
   * The connection failed; another will be made.
   *
   * @param tries which one it was of those that did not last a minute, from 1.
   */
  lost(reason: Error, tries: number): void
}

/**
 * Listens on the channel named like the schema, for ever.
 *
 * Of pg-listen (1.7.0) one connection is used and no reconnection: its own gives up, hangs on a black-holed connect, stays
 * deaf on a server that turned standby, and cannot be stopped by `close`. So at the first trouble the whole subscriber
 * is thrown away, its socket destroyed, and another built after a pause. What it would not notice at all, a half-open
 * socket, is found by an echo: we notify a channel of our own and must hear it in time.
 */
export class Listener {
  readonly #options: ListenerOptions
  readonly #events: ListenerEvents
  readonly #stop = new AbortController()
  /** A pooler between does not carry options in the startup packet. */
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

  /** From now on it listens to the server of this session: no other one hears its notifications. */
  follow({ connection, server }: Pick<Session, 'connection' | 'server'>): void {
    this.#host = hostsOf(connection)[0]?.name ?? ''
    if (this.#server !== '' && server !== this.#server) this.#rebuild.abort(new Error('the server is another one'))
    this.#server = server
  }

  /** Somebody has reason to think that this listener is deaf. */
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

  /** Listens until something is wrong; resolves with what. */
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
    // Any role may send anything: the payload is never parsed as JSON.
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
      const remedy = "raise the role's CONNECTION LIMIT, max_connections, or the size of the pool that stands between"
      throw new Error(`the last of the 5 connections that a relay needs is refused (${messageOf(error)}); ${remedy}`)
    }
  }
}

/**
 * False: the server answers, but a transaction that has notified is still committing, and no other can notify meanwhile: it
 * waits for a standby, perhaps. That says nothing against this connection.
 *
 * @throws any other error.
 */
function isStuck(error: unknown): false {
  if (isLockTimeout(error)) return false
  throw error
}

/** Beside options that are given already, in the URL or by PGOPTIONS. */
function withOptions(connection: pg.ClientConfig, options: string): pg.ClientConfig {
  const { connectionString } = connection
  const inUrl = /([?&]options=)([^&#]*)/
  if (connectionString !== undefined && inUrl.test(connectionString)) {
    const more = encodeURIComponent(` ${options}`)
    return { ...connection, connectionString: connectionString.replace(inUrl, `$1$2${more}`) }
  }
  return { ...connection, options: `${connection.options ?? process.env.PGOPTIONS ?? ''} ${options}`.trim() }
}
