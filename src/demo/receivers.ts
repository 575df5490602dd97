import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { type Arrival, isAccepted } from './arrival.ts'
import { demoEnvironment, programFile } from './programs.ts'
import type { Report, Rule, System } from './receiver-protocol.ts'

export interface ReceiverEvents {
  readonly arrived: (arrival: Arrival) => void
  /** Its process has ended, and nobody had asked for it. */
  readonly lost: (error: Error) => void
}

export interface ReceiverOptions {
  /** Of the first of its servers; 0 takes free ones. */
  readonly port: number
  /** Its own, with an inbox. */
  readonly databaseUrl: string
  /** Of the key that it shares with the relay. */
  readonly keyFile: string
}

/** The receiver's process as the demo holds it, and its log: everything that arrived there. */
export class Receivers {
  readonly arrivals: Arrival[] = []
  readonly #child: ChildProcess
  readonly #events: ReceiverEvents
  readonly #reports = new EventEmitter<{ listening: [string | null]; settled: [] }>()
  #origins: Readonly<Record<System, string>> | undefined
  #isStopping = false
  /** Set when its process is gone. */
  #end: Error | undefined

  /** @throws {Error} when it cannot listen. */
  static async start(options: ReceiverOptions, events: ReceiverEvents): Promise<Receivers> {
    const receivers = new Receivers(options, events)
    const [failure] = (await once(receivers.#reports, 'listening')) as [string | null]
    if (failure === null) return receivers
    await receivers.stop()
    throw new Error(`the sample receiver cannot listen: ${failure}`)
  }

  private constructor({ port, databaseUrl, keyFile }: ReceiverOptions, events: ReceiverEvents) {
    this.#events = events
    // In a process group of its own, or the terminal's Ctrl-C would end it before those who still use it.
    this.#child = fork(programFile('demo/receiver'), [String(port), keyFile], {
      env: demoEnvironment(databaseUrl),
      detached: true,
    })
    this.#child.on('message', message => this.#take(message as Report))
    this.#child.once('exit', (code, signal) => {
      this.#gone(new Error(`the sample receiver has ended, ${signal ?? `exit code ${code}`}`))
    })
    this.#child.once('error', error => this.#gone(error))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  origin(system: System): string {
    if (!this.#origins) throw new Error('The receiver was asked for its origin before it listened')
    return this.#origins[system]
  }

  /** The URL of a path, whose first part is the system: `/crm/flow`. */
  url(path: `/${System}/${string}`): string {
    return this.origin(path.split('/')[1] as System) + path
  }

  /** What happens from now on. Resolves when it holds, with all earlier arrivals reported; without rules, only that. */
  async rule(...rules: readonly Rule[]): Promise<void> {
    if (this.#end) throw this.#end
    const settled = once(this.#reports, 'settled')
    this.#child.send(rules, () => {})
    await settled
  }

  accepted(messageId: string): Arrival | undefined {
    return this.arrivals.find(arrival => arrival.messageId === messageId && isAccepted(arrival))
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#end) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  #take(report: Report): void {
    if (report.kind === 'listening') {
      this.#origins = report.origins
      this.#reports.emit('listening', null)
    } else if (report.kind === 'failed') {
      this.#reports.emit('listening', report.reason)
    } else if (report.kind === 'settled') {
      this.#reports.emit('settled')
    } else {
      this.arrivals.push(report.arrival)
      this.#events.arrived(report.arrival)
    }
  }

  #gone(error: Error): void {
    this.#end = error
    this.#reports.emit('listening', error.message)
    this.#reports.emit('settled')
    if (!this.#isStopping) this.#events.lost(error)
  }
}
