import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { demoEnvironment, leash, programFile } from './programs.ts'

export interface RelayOptions {
  readonly databaseUrl: string
  readonly configFile: string
  readonly logFile: string
  readonly logLevel: string
  /** It has ended, and nobody had asked for it. */
  readonly lost: (error: Error) => void
}

/** So that the demo can be watched: retries soon, and never so many in ten seconds that a callback is given up. */
export const demoOptions = ['--retry-base', '1s', '--retry-cap', '2s', '--max-attempts', '30'] as const

/** Its receivers are on this machine, where a relay sends nothing unless it is told to. */
export const demoReach = ['--allow', '127.0.0.1'] as const

/** More than the grace, after which it ends by itself. */
const PATIENCE_MS = 6_000

/** A relay as its users run it: `ringback run`, in a process of its own. Its log goes to a file. */
export class RelayProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #letGo: () => void
  #isStopping = false

  static async start(options: RelayOptions): Promise<RelayProcess> {
    const log = await open(options.logFile, 'a')
    try {
      return new RelayProcess(options, log.fd)
    } finally {
      await log.close()
    }
  }

  private constructor({ databaseUrl, configFile, logLevel, lost }: RelayOptions, log: number) {
    const own = ['--config', configFile, '--name', 'demo', '--grace', '2s']
    const logging = ['--log-level', logLevel, '--log-format', 'json']
    const argv = [programFile('cli'), 'run', ...demoOptions, ...demoReach, ...own, ...logging]
    this.#child = spawn(process.execPath, [...process.execArgv, ...argv], {
      env: demoEnvironment(databaseUrl),
      // In a process group of its own: Ctrl-C is ours to pass on.
      detached: true,
      stdio: ['ignore', log, log],
    })
    this.#exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.#letGo()
      if (!this.#isStopping) lost(new Error(`the relay has ended, ${signal ?? `exit code ${code}`}`))
    }, lost)
    this.#letGo = this.#child.pid === undefined ? () => {} : leash(this.#child.pid)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** In order: what it is sending may end, its lanes are released. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS)
    this.#child.kill('SIGTERM')
    await this.#exited
    clearTimeout(timer)
  }
}

/** Runs another command of ours to its end, or until the signal. @returns what it printed. */
export async function ringback(args: readonly string[], databaseUrl: string, signal: AbortSignal): Promise<string> {
  const run = promisify(execFile)
  const argv = [...process.execArgv, programFile('cli'), ...args]
  const { stdout } = await run(process.execPath, argv, { env: demoEnvironment(databaseUrl), signal })
  return stdout
}

/** The end of a log, for a message. Empty when there is none. */
export async function tailOf(file: string, lines = 10): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}
