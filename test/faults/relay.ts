import { fileURLToPath } from 'node:url'
import type { EventName } from '../../src/log/events.ts'
import { quick as quickOptions } from '../fixtures/quick.ts'
import type { Guard } from './guard.ts'
import { type Ended, Program } from './program.ts'

export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const PRELOAD = fileURLToPath(new URL('preload.mjs', import.meta.url))

/** No row gives up while faults are on. */
export const quick = { ...quickOptions, 'max-attempts': 100, 'log-format': 'json' } as const
export const quickLeaseMs = 4_000

/** Places at which `preload.mjs` can let a relay die, in the order in which a callback passes them. */
export const points = [
  'after fetch',
  'after claim',
  'before send',
  'after send',
  'after headers',
  'before record',
  'after record',
] as const
export type Point = (typeof points)[number]

export interface RelayOptions {
  readonly name: string
  readonly databaseUrl: string
  /** Options of `ringback run`, beside `quick`. */
  readonly options?: Readonly<Record<string, string | number>>
  readonly env?: NodeJS.ProcessEnv
  /** What comes before `node`: `ip netns exec x`, `faketime`. */
  readonly prefix?: readonly string[]
  readonly guard: Guard
  readonly logFile: string
}

/** One line of a relay's log. */
export interface LogLine {
  readonly event?: EventName
  readonly [key: string]: unknown
}

/** A real `ringback run`, as installed. */
export class Relay {
  readonly name: string
  readonly program: Program
  /** What it has logged, attempts left out. */
  readonly logs: LogLine[] = []

  constructor({ name, databaseUrl, options = {}, env = {}, prefix = [], guard, logFile }: RelayOptions) {
    const flags = Object.entries({ name, ...quick, ...options }).map(([flag, value]) => `--${flag}=${value}`)
    this.name = name
    this.program = new Program({
      name: `relay ${name}`,
      command: [...prefix, process.execPath, '--import', PRELOAD, CLI, 'run', ...flags],
      env: { DATABASE_URL: databaseUrl, ...env },
      guard,
      logFile,
    })
    this.program.onLine(line => {
      const parsed = parse(line)
      if (parsed.event !== 'attempt') this.logs.push(parsed)
    })
  }

  get ended(): Promise<Ended> {
    return this.program.ended
  }

  get hasEnded(): boolean {
    return this.program.hasEnded
  }

  kill(signal: NodeJS.Signals): void {
    this.program.kill(signal)
  }

  /** Dies at this point, after having passed it `skip` times. */
  dieAt(point: Point, skip = 0): void {
    this.program.send({ point, skip })
  }

  /** Its event loop stands still for so long. */
  block(ms: number): void {
    this.program.send({ blockMs: ms })
  }

  /** How often it has logged this event. */
  count(event: EventName): number {
    return this.logs.filter(line => line.event === event).length
  }

  /** The first line with this event that fits, from the log so far or to come. @throws {Error} with the end of its log. */
  async until(event: EventName, fits = (_: LogLine) => true, deadlineMs = 60_000): Promise<LogLine> {
    const signal = AbortSignal.timeout(deadlineMs)
    for (;;) {
      const found = this.logs.find(line => line.event === event && fits(line))
      if (found !== undefined) return found
      if (this.hasEnded || signal.aborted) throw this.program.failure(`did not log "${event}"`)
      await this.program.change(signal)
    }
  }
}

function parse(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return { text: line }
  }
}
