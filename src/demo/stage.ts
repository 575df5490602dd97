import { copyFile, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import type { DemoConfig } from '../config.ts'
import { migrate } from '../outbox/migrate.ts'
import { type EmbeddedPostgres, embeddedPostgres } from './embedded.ts'
import type { Ending } from './ending.ts'
import { Receivers } from './receivers.ts'
import { RelayProcess } from './relay-process.ts'
import { effectTable } from './sample.ts'
import { Scheduler } from './scheduler.ts'
import type { Screen } from './screen.ts'
import { type Signing, signing } from './signing.ts'
import { until } from './waiting.ts'

const SCHEDULER = new URL('../../sql/examples/thain.sql', import.meta.url)
const INBOX = new URL('../../sql/receiver/inbox.sql', import.meta.url)

/** Commit times are for the summary's latencies. Everything else is as PostgreSQL has it, fsync included. */
const SETTINGS = { track_commit_timestamp: 'on' }

export interface ReceiverDatabase {
  readonly databaseUrl: string
  /** A connection to look at what the receiver has done. */
  readonly receiverDb: pg.Pool
}

/** Everything that runs during the demo. What was set up is struck at the end, last things first. */
export class Stage {
  readonly screen: Screen
  readonly ending: Ending
  readonly #config: DemoConfig
  readonly #toStrike: (() => Promise<unknown>)[] = []
  #server: EmbeddedPostgres | undefined

  constructor(screen: Screen, ending: Ending, config: DemoConfig) {
    this.screen = screen
    this.ending = ending
    this.#config = config
  }

  /** @throws {EmbeddedPostgresError} when there are no binaries, or they do not run here. */
  async startServer(): Promise<EmbeddedPostgres> {
    const server = await embeddedPostgres({ settings: SETTINGS, signal: this.ending.signal })
    this.#toStrike.push(() => server.remove())
    this.#server = server
    return server
  }

  /** The outbox and the scheduler. @returns a connection as an operator has it, and the names of the migrations. */
  async migrate({ url }: EmbeddedPostgres): Promise<{ readonly db: pg.Pool; readonly applied: readonly string[] }> {
    const applied = await migrate({ connectionString: url }, { schema: 'outbox', wake: 'keep' })
    const db = this.#openPool(url)
    await db.query(await readFile(SCHEDULER, 'utf8'))
    return { db, applied }
  }

  /** With an inbox. The demo has but one server; the receiver shares nothing else with the outbox. */
  async makeReceiverDatabase({ url }: EmbeddedPostgres, db: pg.Pool): Promise<ReceiverDatabase> {
    await db.query('create database receiver')
    const databaseUrl = new URL('/receiver', url).href
    const receiverDb = this.#openPool(databaseUrl)
    await receiverDb.query(await readFile(INBOX, 'utf8'))
    await receiverDb.query(effectTable)
    return { databaseUrl, receiverDb }
  }

  async startReceivers(databaseUrl: string, { keyFile }: Signing): Promise<Receivers> {
    const options = { port: this.#config.port, databaseUrl, keyFile }
    const receivers = await Receivers.start(options, {
      arrived: arrival => this.screen.arrival(arrival),
      lost: error => this.ending.fail(error),
    })
    this.#toStrike.push(() => receivers.stop())
    return receivers
  }

  /** Resolves when it has its lanes. */
  async startRelay({ url }: EmbeddedPostgres, db: pg.Pool, { configFile }: Signing): Promise<RelayProcess> {
    const relay = await RelayProcess.start({
      databaseUrl: url,
      configFile,
      logFile: this.relayLog ?? '',
      logLevel: this.#config.logLevel,
      lost: error => this.ending.fail(error),
    })
    this.#toStrike.push(() => relay.stop())
    const unowned = 'select 1 from outbox.lane where owner is null'
    const wanted = { what: 'the relay had taken its lanes', withinMs: 20_000, signal: this.ending.signal }
    await until(async () => (await db.query(unowned)).rowCount === 0, wanted)
    return relay
  }

  /** In the server's folder, so that it goes with it. */
  makeSigning({ logFile }: EmbeddedPostgres): Promise<Signing> {
    return signing(dirname(logFile), this.ending.signal)
  }

  startScheduler({ url }: EmbeddedPostgres): Scheduler {
    const scheduler = new Scheduler(url, this.ending.signal, ({ committed, messageIds }) => {
      const count = messageIds.length === 1 ? '1 callback' : `${messageIds.length} callbacks`
      if (!committed) this.screen.event(`ROLLBACK of a transaction that has written ${count}`)
    })
    this.#toStrike.push(() => scheduler.close())
    return scheduler
  }

  /** In the server's folder, so that it goes with it. undefined: there is no server yet. */
  get relayLog(): string | undefined {
    return this.#server === undefined ? undefined : join(dirname(this.#server.logFile), 'relay.log')
  }

  /** A copy that stays. undefined: there is no log. */
  async keepRelayLog(): Promise<string | undefined> {
    if (this.relayLog === undefined) return undefined
    const kept = join(tmpdir(), `ringback-demo-relay-${process.pid}.log`)
    return copyFile(this.relayLog, kept).then(
      () => kept,
      () => undefined,
    )
  }

  /** Nothing is left behind, even if one of them cannot be ended. */
  async strike(): Promise<void> {
    const errors: unknown[] = []
    for (const strike of this.#toStrike.reverse()) await strike().catch(error => errors.push(error))
    if (errors.length > 0) throw errors[0]
  }

  #openPool(url: string): pg.Pool {
    const pool = new pg.Pool({ connectionString: url, application_name: 'ringback demo', max: 2 })
    // A session that is ended says so to its next query.
    pool.on('error', () => {})
    this.#toStrike.push(() => pool.end())
    return pool
  }
}
