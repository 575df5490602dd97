import { type ChildProcess, type Serializable, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Guard } from './guard.ts'

/** Names of variables that would steer a process without being in its command line. */
const OURS = /^(RINGBACK_|PG|TAP|_TAPJS|NODE_OPTIONS$|DATABASE_URL$)/

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ProgramOptions {
  readonly name: string
  /** With IPC, which a program of ours reads and anybody else's does not mind. */
  readonly command: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly guard: Guard
  /** Where what it prints is kept. */
  readonly logFile: string
}

/** A process of a run: its lines, its messages, its signals, its end. It does not outlive the run. */
export class Program {
  readonly name: string
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  readonly #changed = new EventEmitter().setMaxListeners(0)
  readonly #tail: string[] = []
  #end: Ended | undefined

  constructor({ name, command, env, guard, logFile }: ProgramOptions) {
    this.name = name
    const [file = '', ...args] = command
    this.#child = spawn(file, args, {
      env: { ...withoutOurs(process.env), ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const takeBack = guard.undo(`kill -KILL ${this.pid}`)
    const log = createWriteStream(logFile, { flags: 'a' })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', line => {
        log.write(`${line}\n`)
        this.#note(line)
      })
    }
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      takeBack()
      log.end()
      this.#end = { code, signal }
      this.#changed.emit('change')
      return this.#end
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.#end !== undefined
  }

  send(message: Serializable): void {
    this.#child.send(message, () => {})
  }

  /** The next message that fits. @throws {Error} with what was printed, when the process ends first. */
  async message<Message>(fits: (message: Message) => boolean = () => true): Promise<Message> {
    for (;;) {
      const ended = this.ended.then(() => Promise.reject(this.failure('ended early')))
      const [message] = (await Promise.race([once(this.#child, 'message'), ended])) as [Message]
      if (fits(message)) return message
    }
  }

  /** Calls back for every line it prints from now on. */
  onLine(listener: (line: string) => void): void {
    this.#changed.on('line', listener)
  }

  /** Resolves when it has printed something or has ended. */
  async change(signal: AbortSignal): Promise<void> {
    if (!this.hasEnded) await once(this.#changed, 'change', { signal }).catch(() => {})
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Asks it to end, and insists after a while. SIGCONT first: a stopped process would not hear. */
  async stop(signal: NodeJS.Signals, withinMs = 30_000): Promise<Ended> {
    this.#child.kill('SIGCONT')
    this.#child.kill(signal)
    const insist = setTimeout(() => this.#child.kill('SIGKILL'), withinMs)
    const end = await this.ended
    clearTimeout(insist)
    return end
  }

  /** An error with the end of what it printed. */
  failure(what: string): Error {
    const how = this.#end === undefined ? '' : ` (${this.#end.signal ?? this.#end.code})`
    return new Error(`${this.name} ${what}${how}:\n${this.#tail.join('\n')}`)
  }

  #note(line: string): void {
    this.#tail.push(line)
    if (this.#tail.length > 20) this.#tail.shift()
    this.#changed.emit('line', line)
    this.#changed.emit('change')
  }
}

function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OURS.test(name)))
}
