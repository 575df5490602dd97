import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** `ringback` as it was built. */
export const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** So that the demo can be watched: retries soon, and never so many in ten seconds that a callback is given up. */
export const demoOptions = ['--retry-base', '1s', '--retry-cap', '2s', '--max-attempts', '30'] as const

export interface RelayOptions {
  readonly databaseUrl: string
  readonly configFile: string
  readonly logFile: string
  readonly logLevel: string
  /** It has ended, and nobody had asked for it. */
  readonly lost: (error: Error) => void
}

/** A relay as its users run it: `ringback run`, in a process of its own. Its log goes to a file. @returns stops it. */
export async function startRelay(options: RelayOptions): Promise<() => Promise<void>> {
  const log = await open(options.logFile, 'a')
  const own = ['--allow', '127.0.0.1', '--config', options.configFile, '--name', 'demo', '--grace', '2s']
  const logging = ['--log-level', options.logLevel, '--log-format', 'json']
  const child = start(['run', ...demoOptions, ...own, ...logging], options.databaseUrl, log.fd, log.fd)
  await log.close()
  return stopOf(child, 'relay', options.lost)
}

export interface DemoPage {
  readonly address: string
  readonly stop: () => Promise<void>
}

/** The page as its users run it: `ringback ui`, at a port that is free. */
export async function startPage({
  databaseUrl,
  logFile,
  lost,
}: Pick<RelayOptions, 'databaseUrl' | 'logFile' | 'lost'>): Promise<DemoPage> {
  const log = await open(logFile, 'a')
  const child = start(['ui', '--listen', '127.0.0.1:0'], databaseUrl, 'pipe', log.fd)
  await log.close()
  const stop = stopOf(child, 'page', lost)
  let printed = ''
  for await (const chunk of child.stdout ?? []) {
    printed += chunk
    const [address] = printed.match(/http:\S+(?=\n)/) ?? []
    if (address !== undefined) return { address, stop }
  }
  throw new Error(`the page has not started; see ${logFile}`)
}

function start(args: readonly string[], databaseUrl: string, stdout: number | 'pipe', stderr: number): ChildProcess {
  return spawn(process.execPath, [cli, ...args], {
    env: environment(databaseUrl),
    // In a process group of its own: Ctrl-C is ours to pass on.
    detached: true,
    stdio: ['ignore', stdout, stderr],
  })
}

/** @param lost is called when it ends by itself. @returns stops it. */
function stopOf(child: ChildProcess, what: string, lost: (error: Error) => void): () => Promise<void> {
  const letGo = leash(child.pid ?? 0)
  let isStopping = false
  const exited = once(child, 'exit').then(([code, signal]) => {
    letGo()
    if (!isStopping) lost(new Error(`the ${what} has ended, ${signal ?? `exit code ${code}`}`))
  }, lost)
  return async () => {
    isStopping = true
    // More than the grace, after which it ends by itself.
    const timer = setTimeout(() => child.kill('SIGKILL'), 6_000)
    child.kill('SIGTERM')
    await exited
    clearTimeout(timer)
  }
}

/** Runs another command of ours to its end, or until the signal. @returns what it printed. */
export async function ringback(args: readonly string[], databaseUrl: string, signal: AbortSignal): Promise<string> {
  const how = { env: environment(databaseUrl), signal }
  return (await promisify(execFile)(process.execPath, [cli, ...args], how)).stdout
}

/** What the user has set for relays and databases of their own must not steer ours. */
function environment(databaseUrl: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(RINGBACK_|PG|DATABASE_URL$)/.test(name))
  return { ...Object.fromEntries(own), DATABASE_URL: databaseUrl }
}

/**
 * Kills a process when this one is gone, however it ended: the end of a pipe tells, which the kernel sees to.
 *
 * @returns lets it go; to be called once the process has ended, since its pid may then become another's.
 */
function leash(pid: number): () => void {
  const shell = spawn('/bin/sh', ['-c', 'read -r home || kill -KILL "$1"', 'ringback-leash', String(pid)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  return () => shell.stdin.end('home\n')
}
