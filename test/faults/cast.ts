import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { FaultProxy } from '../fixtures/fault-proxy.ts'
import type { EmbeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { type Random, randomFrom } from '../fixtures/random.ts'
import type { Guard } from './guard.ts'
import { anyHost } from './hosts.ts'
import { Journal } from './journal.ts'
import { Program } from './program.ts'
import type { ReceiverPlan } from './receiver.ts'
import { Relay, type RelayOptions } from './relay.ts'
import { connected, type Database } from './servers.ts'
import { type Traffic, Transaction, type WrittenLine } from './transaction.ts'
import type { WriterPlan } from './writer.ts'

const TRAFFIC = {
  keyPrefix: 'k',
  keys: 200,
  keyless: 0.1,
  unlocked: 0.05,
  rolledBack: 0.1,
  openMs: 100,
  hasOwnRows: false,
}

export interface WritersOptions extends Partial<Traffic>, Partial<Pick<WriterPlan, 'connections' | 'rate' | 'count'>> {
  readonly urls: readonly string[]
  /** Default 2. `connections` (8), `rate` (200) and `count` are those of each. */
  readonly processes?: number
  /** Default: the scenario's database, without a detour. */
  readonly databaseUrl?: string
}

/** A receiver that runs. */
export interface Receiver {
  readonly port: number
  readonly program: Program
  /** `/ok`, `/mixed` and so on; `behaviours.ts` has them all. */
  url(path: string, host?: string): string
}

/** Writers that run. */
export interface Writers {
  /** Ends them after the transaction they are in. */
  stop(): Promise<void>
  /** Resolves when they have committed their count. */
  readonly done: Promise<void>
}

export interface CastParts {
  readonly seed: number
  readonly isShort: boolean
  readonly folder: string
  readonly database: Database
  readonly client: pg.Client
  readonly guard: Guard
}

export type StageRelayOptions = Partial<Pick<RelayOptions, 'databaseUrl' | 'options' | 'env' | 'prefix'>>

/** All that runs in a scenario: the database, relays, receivers, writers, proxies. It ends with the scenario. */
export class Cast {
  readonly seed: number
  readonly isShort: boolean
  /** Everything random in a scenario comes from here. */
  readonly random: Random
  /** Journals and logs of this run. */
  readonly folder: string
  readonly databaseUrl: string
  /** A session of the harness. Does not survive its server. */
  client: pg.Client
  readonly #database: Database
  readonly #guard: Guard
  readonly #programs: Program[] = []
  readonly #relays: Relay[] = []
  readonly #proxies: FaultProxy[] = []
  readonly #undos: (() => Promise<unknown> | unknown)[] = []
  #book: Journal | undefined
  #started = 0
  #inserted = 0

  constructor(parts: CastParts) {
    this.seed = parts.seed
    this.isShort = parts.isShort
    this.random = randomFrom(parts.seed)
    this.folder = parts.folder
    this.databaseUrl = parts.database.url
    this.client = parts.client
    this.#database = parts.database
    this.#guard = parts.guard
  }

  /** Of the scenario's own, where it has asked for one. */
  get server(): EmbeddedPostgres {
    if (this.#database.server === null) throw new Error('The scenario has not asked for a server of its own')
    return this.#database.server
  }

  async receiver(options: Partial<Omit<ReceiverPlan, 'file' | 'seed'>> = {}): Promise<Receiver> {
    const plan: ReceiverPlan = {
      port: 0,
      hosts: ['0.0.0.0'],
      backlog: null,
      effectsUrl: null,
      ...options,
      file: this.file('arrivals'),
      seed: this.seed,
    }
    const program = this.program('receiver', 'receiver.ts', plan)
    const { port } = await program.message<{ port: number }>()
    return {
      port,
      program,
      url: (path, host = plan.hosts[0] === '0.0.0.0' ? anyHost : (plan.hosts[0] ?? '')) =>
        `http://${host}:${port}${path}`,
    }
  }

  /** Starts a relay and waits until it has registered. */
  async relay(name: string, options: StageRelayOptions = {}): Promise<Relay> {
    const relay = this.startRelay(name, options)
    await relay.until('registered')
    return relay
  }

  /** Starts a relay without waiting for it. */
  startRelay(name: string, { databaseUrl = this.databaseUrl, options, env, prefix }: StageRelayOptions = {}): Relay {
    this.#started += 1
    const logFile = join(this.folder, `relay-${name}-${this.#started}.log`)
    const more = { ...(options ? { options } : {}), ...(env ? { env } : {}), ...(prefix ? { prefix } : {}) }
    const relay = new Relay({ name, databaseUrl, guard: this.#guard, logFile, ...more })
    this.#relays.push(relay)
    return relay
  }

  /** Writers of many short transactions, of which none is rolled back: each row has one of 5,000 keys with this prefix. */
  steadyWriters(options: Required<Pick<WritersOptions, 'urls' | 'keyPrefix' | 'rate'>>): Promise<Writers> {
    const kinds = { keys: 5_000, keyless: 0, unlocked: 0, rolledBack: 0 }
    return this.writers({ ...options, ...kinds, processes: 1, connections: 4, openMs: 5 })
  }

  /** Starts writers; they write from now on. */
  async writers(options: WritersOptions): Promise<Writers> {
    const { processes = 2, databaseUrl = this.databaseUrl, ...given } = options
    const load = { ...TRAFFIC, connections: 8, rate: 200, count: null, ...given }
    await this.#prepareKeys(load)
    const programs = Array.from({ length: processes }, () => {
      this.#started += 1
      const name = `w${this.#started}`
      const own = {
        databaseUrl,
        file: this.file('written'),
        seed: this.seed * 31 + this.#started * 1_000,
        name,
      }
      return this.program(`writer ${name}`, 'writer.ts', { ...load, ...own } satisfies WriterPlan)
    })
    await Promise.all(programs.map(program => program.message()))
    const done = Promise.all(programs.map(succeeded)).then(() => {})
    done.catch(() => {})
    const stop = async () => {
      for (const program of programs) program.send('stop')
      await done
    }
    return { done, stop }
  }

  /** One transaction of the harness's own: one to four callbacks, committed; all of one key unless `keyless` is 1. Returns how many. */
  async insert(traffic: Partial<Traffic> & Pick<Traffic, 'urls'>): Promise<number> {
    this.#book ??= new Journal(this.file('written'))
    const note = (lines: readonly WrittenLine[]) => this.#book?.write(...lines)
    const own = { ...TRAFFIC, keys: 1, keyless: 0, unlocked: 0, rolledBack: 0, openMs: 0, ...traffic }
    const nextName = () => `h${++this.#inserted}`
    await this.#prepareKeys(own)
    return new Transaction({ client: this.client, traffic: own, random: this.random, nextName, note }).run()
  }

  /** A proxy in front of a server, be it of SQL or of HTTP. */
  async proxy(url: string): Promise<FaultProxy> {
    const proxy = await FaultProxy.start(url, this.random)
    this.#proxies.push(proxy)
    return proxy
  }

  /** Undone when the scenario ends. @param command for /bin/sh, in case that the harness is killed first; null: none. */
  undo(command: string | null, undo: () => Promise<unknown> | unknown): void {
    const takeBack = command === null ? () => {} : this.#guard.undo(command)
    this.#undos.push(async () => {
      await undo()
      takeBack()
    })
  }

  /** A session that works, after a server has come back, or with the one that has taken its place. */
  async reconnect(url = this.databaseUrl): Promise<pg.Client> {
    await this.client.end().catch(() => {})
    this.client = await connected(url)
    return this.client
  }

  /** Ends all that was started. Returns what did not end as it should: relays that did not leave in order. */
  protected async strike(): Promise<string[]> {
    const failures: string[] = []
    for (const undo of this.#undos.reverse()) {
      await Promise.resolve()
        .then(undo)
        .catch(error => failures.push(`could not be undone: ${error}`))
    }
    this.#book?.close()
    for (const proxy of this.#proxies) proxy.heal()
    failures.push(...(await this.#dismissRelays()))
    await Promise.all(this.#programs.filter(each => !each.hasEnded).map(each => each.stop('SIGKILL')))
    await Promise.all(this.#proxies.map(proxy => proxy.close()))
    await this.client.end().catch(() => {})
    const { server } = this.#database
    try {
      if (server !== null) copyFileSync(server.logFile, join(this.folder, 'postgres.log'))
    } finally {
      await this.#database.remove()
    }
    return failures
  }

  async #dismissRelays(): Promise<string[]> {
    const leaving = this.#relays.filter(relay => !relay.hasEnded)
    const ends = await Promise.all(leaving.map(relay => relay.program.stop('SIGTERM')))
    return ends.flatMap(({ code, signal }, at) => {
      const relay = leaving[at]
      // One that has not begun yet listens to no signal.
      const isInOrder = code === 0 || relay?.count('starting') === 0
      return isInOrder ? [] : `relay ${relay?.name} ended with ${signal ?? code} after SIGTERM`
    })
  }

  async #prepareKeys({ keyPrefix, keys }: Traffic): Promise<void> {
    await this.client.query('create table if not exists execution (key text primary key)')
    await this.client.query('create table if not exists transition (message_id uuid primary key)')
    await this.client.query(
      'insert into execution select $1 || n from generate_series(1, $2::int) n on conflict do nothing',
      [keyPrefix, keys],
    )
  }

  /** A process of the harness: a file beside this one, which is given its plan as JSON. It ends with the scenario. */
  program(name: string, file: string, plan: object): Program {
    const path = fileURLToPath(new URL(file, import.meta.url))
    return this.foreign(name, [process.execPath, '--import', 'tsx', path, JSON.stringify(plan)])
  }

  /** A process of somebody else's program. It ends with the scenario. */
  foreign(name: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    const logFile = join(this.folder, `${name.replace(' ', '-')}.log`)
    const program = new Program({ name, command, env, guard: this.#guard, logFile })
    this.#programs.push(program)
    return program
  }

  /** A journal of its own, which `readBooks` finds by its kind. */
  file(kind: string): string {
    this.#started += 1
    return join(this.folder, `${kind}-${this.#started}.jsonl`)
  }
}

async function succeeded(program: Program): Promise<void> {
  const { code } = await program.ended
  if (code !== 0) throw program.failure('failed')
}
