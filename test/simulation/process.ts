import type { RunConfig } from '../../src/config/config.ts'
import type { Log } from '../../src/log/log.ts'
import { pause } from '../../src/pause.ts'
import type { Destinations } from '../../src/policy/destinations.ts'
import type { Listening } from '../../src/relay/database-link.ts'
import type { Relay } from '../../src/relay/relay.ts'
import type { Receivers } from './receivers.ts'
import type { Server } from './server.ts'
import { type Client, ModelSessions } from './session.ts'
import { type AttemptName, Wire } from './wire.ts'

/** One process of a relay, from start to end. */
class Life implements Client {
  readonly name: string
  isGone = false
  frozenUntil = 0
  readonly wire: Wire
  sessions: ModelSessions | undefined
  relay: Relay | undefined

  hasBegun(attempt: AttemptName): boolean {
    return this.wire.hasBegun(attempt)
  }

  get standsBy(): boolean {
    return this.relay !== undefined && this.relay.state.standby !== null
  }

  constructor(name: string, receivers: Receivers) {
    this.name = name
    this.wire = new Wire(receivers, this)
  }
}

export type RelayClass = typeof Relay

export interface HostParts {
  readonly relay: RelayClass
  readonly server: Server
  readonly receivers: Receivers
  readonly log: Log
  /** Whether inserts notify. */
  readonly isNotifying: boolean
}

/** A machine that runs a relay: starts it, loses it, starts it again. */
export class Host {
  #config: RunConfig
  readonly #Relay: RelayClass
  readonly #server: Server
  readonly #receivers: Receivers
  readonly #log: Log
  readonly #listening: Listening | null
  #life: Life | undefined
  /** Whether this host cannot connect to the database. */
  isPartitioned = false

  constructor(config: RunConfig, parts: HostParts) {
    this.#config = config
    this.#listening = parts.isNotifying ? { distrust() {} } : null
    this.#Relay = parts.relay
    this.#server = parts.server
    this.#receivers = parts.receivers
    this.#log = parts.log
  }

  get name(): string {
    return this.#config.name
  }

  get destinations(): Destinations {
    return this.#config.destinations
  }

  /** The next process gets these settings. */
  change(destinations: Destinations): void {
    this.#config = { ...this.#config, destinations }
  }

  /** SIGHUP: so does the present one. */
  reload(destinations: Destinations): void {
    this.change(destinations)
    const life = this.#life
    if (life) this.#server.timeline.after(0, life, () => life.relay?.adopt(destinations))
  }

  get runs(): boolean {
    return this.#life !== undefined
  }

  get inFlight(): number {
    return this.#life?.wire.inFlight ?? 0
  }

  get frozenUntil(): number {
    return this.#life?.frozenUntil ?? 0
  }

  start(): void {
    if (this.#life) return
    const life = new Life(this.name, this.#receivers)
    this.#life = life
    this.#server.timeline.after(0, life, () => void this.#live(life))
  }

  /** kill -9, or the loss of the machine, which the server notices only after `noticedInMs`. */
  crash(noticedInMs: number): void {
    const life = this.#life
    if (!life) return
    life.isGone = true
    this.#life = undefined
    for (const session of life.sessions?.all ?? []) session.abandon(noticedInMs)
  }

  /** Freezes the process for `ms` milliseconds. */
  freeze(ms: number): void {
    if (this.#life) this.#life.frozenUntil = this.#server.timeline.now + ms
  }

  /** SIGTERM. */
  stop(): void {
    const life = this.#life
    if (life) this.#server.timeline.after(0, life, () => void life.relay?.stop().then(() => this.#end(life)))
  }

  /** Stops it, and starts it when it has ended. @param ms between two looks whether it has. */
  restart(ms: number): void {
    this.stop()
    const again = (): void => {
      if (this.#life) this.#server.timeline.after(ms, null, again)
      else this.start()
    }
    this.#server.timeline.after(ms, null, again)
  }

  get sessions(): ModelSessions | undefined {
    return this.#life?.sessions
  }

  /** Delivers a notification. */
  hint(from: number | null, payload: string): void {
    const life = this.#life
    if (life) this.#server.timeline.after(this.#server.latency(), life, () => life.relay?.hint(from, payload))
  }

  #end(life: Life): void {
    life.isGone = true
    if (this.#life === life) this.#life = undefined
  }

  async #live(life: Life): Promise<void> {
    life.relay = new this.#Relay(this.#config, this.#log, life.wire.post)
    for (;;) {
      await pause(this.#server.latency())
      if (!this.#server.isDown && !this.isPartitioned) {
        for (const session of life.sessions?.all ?? []) session.terminate()
        life.sessions = new ModelSessions(this.#server, life)
        this.hint(null, '')
        const why = await life.relay.serve(life.sessions.sessions, this.#listening).catch((error: Error) => error)
        if (why === undefined) return
        this.#log.warn('database_away', { err: why })
      }
      await pause(this.#server.dice.between(50, 500))
    }
  }
}
