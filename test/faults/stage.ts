import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { EmbeddedPostgres } from '../../src/demo/embedded.ts'
import { check } from '../../src/verify/check.ts'
import type { Act, CheckOptions, Verdict } from '../../src/verify/history.ts'
import { FaultProxy } from '../fixtures/fault-proxy.ts'
import { type Books, readBooks } from './books.ts'
import type { Guard } from './guard.ts'
import { Program } from './program.ts'
import { type Random, randomFrom } from './random.ts'
import type { ReceiverPlan } from './receiver.ts'
import { Relay, type RelayOptions } from './relay.ts'
import type { Figure } from './result.ts'
import type { Database } from './servers.ts'
import type { Traffic } from './transaction.ts'
import type { WriterPlan } from './writer.ts'

const TRAFFIC = { keyPrefix: 'k', keys: 200, keyless: 0.1, unlocked: 0.05, rolledBack: 0.1, openMs: 100 }

export interface WritersOptions extends Partial<Traffic>, Partial<Pick<WriterPlan, 'connections' | 'rate' | 'count'>> {
  readonly urls: readonly string[]
  /** Default 2. `connections` (8), `rate` (200) and `count` are those of each. */
  readonly processes?: number
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

export interface StageParts {
  readonly seed: number
  readonly isShort: boolean
  readonly folder: string
  readonly database: Database
  readonly client: pg.Client
  readonly guard: Guard
}

/** What a scenario has at hand, and where it leaves its figures. `scenario.ts` shows how it is used. */
export class Stage {
  readonly seed: number
  readonly isShort: boolean
  /** Everything random in a scenario comes from here. */
  readonly random: Random
  /** Journals and logs of this run. */
  readonly folder: string
  readonly databaseUrl: string
  /** A session of the harness. Does not survive its server. */
  client: pg.Client
  readonly figures: Figure[] = []
  /** What failed the scenario. */
  readonly failures: string[] = []
  /** What operators did; a scenario that replays or cancels notes it here. */
  readonly acts: Act[] = []
  /** The body that an operator has given a callback, by its message id. */
  readonly amended = new Map<string, string>()
  verdict: Verdict | null = null
  faults = 0
  readonly #database: Database
  readonly #guard: Guard
  readonly #programs: Program[] = []
  readonly #relays: Relay[] = []
  readonly #proxies: FaultProxy[] = []
  readonly #undos: (() => Promise<unknown> | unknown)[] = []
  #started = 0

  constructor(parts: StageParts) {
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
      hosts: ['127.0.0.1'],
      backlog: null,
      ...options,
      file: this.file('arrivals'),
      seed: this.seed,
    }
    const program = this.program('receiver', 'receiver.ts', plan)
    const { port } = await program.message<{ port: number }>()
    return { port, program, url: (path, host = plan.hosts[0] ?? '') => `http://${host}:${port}${path}` }
  }

  /** Starts a relay and waits until it has lanes (or, with `lanes: false`, until it has enrolled). */
  async relay(name: string, options: StageRelayOptions = {}): Promise<Relay> {
    const relay = this.startRelay(name, options)
    await relay.until(options.lanes === false ? 'enrolled' : 'lanes_taken')
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

  /** Starts writers; they write from now on. */
  async writers(options: WritersOptions): Promise<Writers> {
    const { processes = 2, ...given } = options
    const load = { ...TRAFFIC, connections: 8, rate: 200, count: null, ...given }
    await this.#prepareKeys(load)
    const programs = Array.from({ length: processes }, () => {
      this.#started += 1
      const name = `w${this.#started}`
      const own = {
        databaseUrl: this.databaseUrl,
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

  fault(count = 1): void {
    this.faults += count
  }

  figure(name: string, value: number, unit = ''): void {
    this.figures.push({ name, value, unit })
  }

  /** Fails the scenario when it does not hold. */
  bar(says: string, holds: boolean): void {
    if (!holds) this.failures.push(`not met: ${says}`)
  }

  /** A bar that only the long form can meet, or a quiet machine. */
  longBar(says: string, holds: boolean): void {
    if (!this.isShort) this.bar(says, holds)
  }

  async sleep(ms: number): Promise<void> {
    await delay(ms)
  }

  /** Seconds of load: long form, short form. */
  seconds(long: number, short: number): number {
    return this.isShort ? short : long
  }

  /** A session that works, after a server has come back. */
  async reconnect(): Promise<pg.Client> {
    await this.client.end().catch(() => {})
    this.client = await connected(this.databaseUrl)
    return this.client
  }

  /** Waits until nothing is unsettled, at most so long; true when it is. What is left over is for the checker to say. */
  async drained(withinMs = 60_000): Promise<boolean> {
    const end = performance.now() + withinMs
    while (performance.now() < end) {
      const { rowCount } = await this.client.query('select from outbox.callback where settled_at is null limit 1')
      if (rowCount === 0) return true
      await delay(100)
    }
    return false
  }

  /**
   * Waits for the run to come to rest, and holds all books against one another: every violation fails the scenario, and so
   * does a dead row, unless the scenario expects them.
   */
  async check(
    options: CheckOptions & { readonly mayDie?: boolean; readonly withinMs?: number } = {},
  ): Promise<Checked> {
    const { mayDie = false, withinMs, ...how } = options
    await this.drained(withinMs)
    const books = await readBooks(this.folder, this.client, this)
    const verdict = check(books, { drained: true, ...how })
    this.verdict = verdict
    for (const { kind, id, messageId, detail } of verdict.violations.slice(0, 10)) {
      this.failures.push(`${kind}: callback ${id ?? '?'} (${messageId}) ${detail}`)
    }
    if (verdict.violations.length > 10) this.failures.push(`and ${verdict.violations.length - 10} violations more`)
    const dead = books.callbacks.filter(({ status }) => status === 'dead')
    if (!mayDie && dead.length > 0)
      this.failures.push(`${dead.length} dead, such as ${dead[0]?.id}: ${dead[0]?.lastError}`)
    this.bar('something was committed and arrived', verdict.committed > 0 && verdict.arrivals > 0)
    return { books, verdict }
  }

  /** Ends all that was started. A relay that does not leave in order fails the scenario. */
  async end(): Promise<void> {
    for (const undo of this.#undos.reverse()) await undo()
    for (const proxy of this.#proxies) proxy.heal()
    const leaving = this.#relays.filter(relay => !relay.hasEnded)
    const ends = await Promise.all(leaving.map(relay => relay.program.stop('SIGTERM')))
    ends.forEach(({ code, signal }, at) => {
      if (code !== 0) this.failures.push(`relay ${leaving[at]?.name} ended with ${signal ?? code} after SIGTERM`)
    })
    await Promise.all(this.#programs.filter(each => !each.hasEnded).map(each => each.stop('SIGKILL')))
    await Promise.all(this.#proxies.map(proxy => proxy.close()))
    if (this.#database.server !== null) copyFileSync(this.#database.server.logFile, join(this.folder, 'postgres.log'))
    await this.client.end().catch(() => {})
    await this.#database.remove()
  }

  async #prepareKeys({ keyPrefix, keys }: Traffic): Promise<void> {
    await this.client.query('create table if not exists execution (key text primary key)')
    await this.client.query(
      'insert into execution select $1 || n from generate_series(1, $2::int) n on conflict do nothing',
      [keyPrefix, keys],
    )
  }

  /** A process of the harness: a file beside this one, which is given its plan as JSON. It ends with the scenario. */
  program(name: string, file: string, plan: object): Program {
    const path = fileURLToPath(new URL(file, import.meta.url))
    const command = [process.execPath, '--import', 'tsx', path, JSON.stringify(plan)]
    const logFile = join(this.folder, `${name.replace(' ', '-')}.log`)
    const program = new Program({ name, command, guard: this.#guard, logFile })
    this.#programs.push(program)
    return program
  }

  /** A journal of its own, which `readBooks` finds by its kind. */
  file(kind: string): string {
    this.#started += 1
    return join(this.folder, `${kind}-${this.#started}.jsonl`)
  }
}

export interface StageRelayOptions extends Partial<Pick<RelayOptions, 'databaseUrl' | 'options' | 'env' | 'prefix'>> {
  readonly lanes?: boolean
}

export interface Checked {
  readonly books: Books
  readonly verdict: Verdict
}

export async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'faults' })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function succeeded(program: Program): Promise<void> {
  const { code } = await program.ended
  if (code !== 0) throw program.failure('failed')
}
