import { once } from 'node:events'
import { Process } from './processes.ts'
import type { Command, Mode, Reply, Tally } from './receiver-protocol.ts'

const FAST: Mode = { kind: 'answer', status: 204 }

/** The bench's side of receiver.ts. */
export class Receiver {
  readonly #process = Process.node('receiver.ts', [], { ipc: true })
  readonly #waiting = new Map<number, (result: unknown) => void>()
  #asked = 0

  constructor() {
    this.#process.child.setMaxListeners(0)
    this.#process.child.on('message', (reply: Reply) => {
      if ('id' in reply) this.#waiting.get(reply.id)?.(reply.result)
      else this.#process.child.emit(reply.arrived)
    })
  }

  get pid(): number {
    return this.#process.pid
  }

  /** URLs with a new port on each of these addresses. */
  async listen(hosts: readonly string[], mode: Mode = FAST): Promise<string[]> {
    const ports = await this.#ask<number[]>({ do: 'listen', hosts, mode })
    return hosts.map((host, at) => `http://${host}:${ports[at]}/callback`)
  }

  /** URLs with as many new ports of 127.0.0.1: as many origins. */
  urls(origins: number, mode: Mode = FAST): Promise<string[]> {
    return this.listen(
      Array.from({ length: origins }, () => '127.0.0.1'),
      mode,
    )
  }

  /** Refuses connections from now on. */
  close(url: string): Promise<void> {
    return this.#ask({ do: 'close', port: portOf(url) })
  }

  open(url: string): Promise<void> {
    return this.#ask({ do: 'open', port: portOf(url) })
  }

  /** Counts from zero. With `note` every arrival is noted as well, 24 bytes each. */
  async reset(expect: number, note = false): Promise<void> {
    await this.#ask({ do: 'reset', expect, note })
  }

  /** The first request since `reset`, or all of those expected; to be called before they can come. Need not be awaited. */
  arrived(which: 'first' | 'all', signal: AbortSignal): Promise<unknown> {
    const arrived = once(this.#process.child, which, { signal })
    arrived.catch(() => {})
    return arrived
  }

  tally(): Promise<Tally> {
    return this.#ask<Tally>({ do: 'tally' })
  }

  /** n, time in microseconds, port, and so on in threes: what was noted since the last call. */
  arrivals(): Promise<Float64Array> {
    return this.#ask<Float64Array>({ do: 'arrivals' })
  }

  stop(): Promise<void> {
    return this.#process.stop('SIGKILL')
  }

  #ask<Result = void>(command: Command): Promise<Result> {
    const id = ++this.#asked
    return new Promise((resolve, reject) => {
      this.#process.ended.then(how => reject(new Error(`The receiver ended with ${how}:\n${this.#process.tail}`)))
      this.#waiting.set(id, result => {
        this.#waiting.delete(id)
        resolve(result as Result)
      })
      this.#process.send({ ...command, id })
    })
  }
}

export function portOf(url: string): number {
  return Number(new URL(url).port)
}
