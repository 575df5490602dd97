import { type ChildProcess, spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { EmbeddedPostgresError } from './binaries.ts'
import type { Identity } from './unprivileged.ts'

export interface PostmasterOptions {
  readonly program: string
  /** Where it runs. */
  readonly folder: string
  readonly dataDir: string
  readonly logFile: string
  readonly port: number
  readonly env: NodeJS.ProcessEnv
  /** undefined: ourselves. */
  readonly identity: Identity | undefined
}

/** Crash recovery of a test's data takes a second or two; the rest is for a machine under load. */
const READY_WITHIN_MS = 60_000

type Step = readonly [NodeJS.Signals, number]
/** What is sent, and how long in milliseconds it may take before the next. A stopped backend (SIGSTOP) holds up the first. */
const IMMEDIATE: readonly Step[] = [
  ['SIGQUIT', 15_000],
  ['SIGKILL', 5_000],
]
const FAST: readonly Step[] = [['SIGINT', 30_000], ...IMMEDIATE]

/** One run of the server process, from its start until its exit. */
export class Postmaster {
  readonly #child: ChildProcess
  readonly #exited: Promise<true>
  readonly #options: PostmasterOptions

  /**
   * Resolves when a query is answered.
   *
   * @throws {EmbeddedPostgresError} with the end of the server's log, when it exits before that. No process is left then.
   */
  static async start(options: PostmasterOptions): Promise<Postmaster> {
    const log = await open(options.logFile, 'a')
    try {
      const postmaster = new Postmaster(options, log.fd)
      await postmaster.#ready()
      return postmaster
    } finally {
      await log.close()
    }
  }

  private constructor(options: PostmasterOptions, log: number) {
    const { program, folder, dataDir, port, env, identity } = options
    const network = ['-c', 'listen_addresses=127.0.0.1', '-c', `port=${port}`, '-c', 'unix_socket_directories=']
    this.#options = options
    this.#child = spawn(program, ['-D', dataDir, ...network], {
      cwd: folder,
      env,
      ...identity,
      // In a process group of its own, or the terminal's Ctrl-C would stop it before those who still use it.
      detached: true,
      stdio: ['ignore', log, log],
    })
    this.#exited = new Promise(resolve => {
      this.#child.once('exit', () => resolve(true))
      this.#child.once('error', () => resolve(true))
    })
    // Whoever forgets to stop it can still end; the guard does the rest.
    this.#child.unref()
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    this.#child.ref()
    for (const [signal, patienceMs] of mode === 'fast' ? FAST : IMMEDIATE) {
      if (!this.isRunning) return
      this.#child.kill(signal)
      if (await Promise.race([this.#exited, delay(patienceMs, false, { ref: false })])) return
    }
    throw new EmbeddedPostgresError(`PostgreSQL, process ${this.#child.pid}, survived SIGKILL.`)
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS
    while (this.isRunning && performance.now() < deadline) {
      if (await this.#answers()) return
      await Promise.race([this.#exited, delay(20)])
    }
    await this.stop('immediate')
    const log = await readFile(this.#options.logFile, 'utf8')
    throw new EmbeddedPostgresError(`PostgreSQL did not start on port ${this.#options.port}:\n${log.slice(-2_000)}`)
  }

  /** Asks for the data's folder, since a stranger may have taken the port and answer in its place. */
  async #answers(): Promise<boolean> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.#options.port,
      user: 'postgres',
      database: 'postgres',
      ssl: false,
      connectionTimeoutMillis: 2_000,
      query_timeout: 2_000,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query<{ data_directory: string }>('show data_directory')
      return rows[0]?.data_directory === this.#options.dataDir
    } catch {
      return false
    } finally {
      client.end().catch(() => {})
    }
  }
}
