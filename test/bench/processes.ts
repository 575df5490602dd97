import { type ChildProcess, type Serializable, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const STOP_WITHIN_MS = 20_000
const TAIL_CHARACTERS = 3_000

/** Names of variables that would steer a contestant without being in its command line. */
const OURS = /^(RINGBACK_|PG|NODE_OPTIONS$|DATABASE_URL$)/

/** A process that a bench has started. It ends with the bench, however that ends. */
export class Process {
  readonly child: ChildProcess
  readonly name: string
  /** Its exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals>
  #tail = ''
  #hasEnded = false

  /** Runs a file of this folder, or a path from it, under this Node; with IPC unless it is the relay's own program. */
  static node(
    file: string,
    args: readonly string[],
    options: { readonly ipc: boolean; readonly env?: NodeJS.ProcessEnv },
  ) {
    return new Process(file, [fileURLToPath(new URL(file, import.meta.url)), ...args], options)
  }

  private constructor(
    name: string,
    args: string[],
    options: { readonly ipc: boolean; readonly env?: NodeJS.ProcessEnv },
  ) {
    this.name = name
    this.child = spawn(process.execPath, args, {
      env: { ...withoutOurs(process.env), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', ...(options.ipc ? (['ipc'] as const) : [])],
      serialization: 'advanced',
    })
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', this.#print)
    const dismiss = guard(this.pid)
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.#hasEnded = true
      dismiss()
      return signal ?? code
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** The end of what it printed. */
  get tail(): string {
    return this.#tail.trim()
  }

  send(message: Serializable): void {
    this.child.send(message)
  }

  /** The next message. @throws {Error} with what was printed, when the process ends first. */
  async message<Message>(): Promise<Message> {
    const ended = this.ended.then(how => Promise.reject(this.#endedEarly(how)))
    const [message] = (await Promise.race([once(this.child, 'message'), ended])) as [Message]
    return message
  }

  /** Waits for its own end. @throws {Error} with what was printed, unless that is exit code 0. */
  async succeed(): Promise<void> {
    const how = await this.ended
    if (how !== 0) throw this.#endedEarly(how)
  }

  /** Asks it to end, and insists after 20 s. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#hasEnded) return
    this.child.kill(signal)
    const insist = setTimeout(() => this.child.kill('SIGKILL'), STOP_WITHIN_MS)
    await this.ended
    clearTimeout(insist)
  }

  #endedEarly(how: number | NodeJS.Signals): Error {
    return new Error(`${this.name} ended with ${how}:\n${this.tail}`)
  }

  readonly #print = (chunk: Buffer): void => {
    this.#tail = (this.#tail + chunk.toString()).slice(-TAIL_CHARACTERS)
  }
}

function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OURS.test(name)))
}

/**
 * Kills the process when the bench is killed and cannot: the end of the pipe tells.
 *
 * @returns to be called once the process is gone, since its pid may become another's.
 */
function guard(pid: number): () => void {
  const shell = spawn('/bin/sh', ['-c', 'read -r home || kill -KILL "$1"', 'sh', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.stdin.on('error', () => {})
  return () => shell.stdin.end('home\n')
}
