import { parse, type RunConfig } from '../config/config.ts'
import { type Option, optionsOf } from '../config/options.ts'
import { post } from '../delivery/post.ts'
import { UsageError } from '../errors.ts'
import { createLog, type Log } from '../log/log.ts'
import { traced } from '../operate/traces.ts'
import { Relay } from '../relay/relay.ts'
import { slowWithinOpenFiles } from './open-files.ts'
import { type Served, serve, stopOf } from './serve.ts'

/** A logger such as pino's, or `console`. It gets the fields of a line (docs/reference/log.md) and the event's name. */
export type RelayLog = {
  readonly [level in 'debug' | 'info' | 'warn' | 'error']: (fields: object, event: string) => void
}

type Settings = Omit<RunConfig, 'destinations' | 'listen' | 'logFormat'>

/**
 * The options of `ringback run`, with the unit in the name: `--deadline 5s` is `deadlineMs: 5_000`, `--keep-dead never`
 * is `keepDeadMs: Infinity`. Defaults are those of the command. The environment is not read, except libpq's variables
 * (`PGHOST` and so on) when there is no `databaseUrl`.
 */
export type RelayOptions = { readonly [name in keyof Settings]?: Settings[name] } & {
  /** Stops the relay in order when it aborts: attempts under way may finish within `graceMs`. */
  readonly signal?: AbortSignal
  /** Gets the lines of `logLevel` (default `info`) and above. Default: none. */
  readonly log?: RelayLog
}

/** A relay that has registered. */
export interface RunningRelay {
  /** Stops the relay in order, as `signal` does, and returns `ended`. */
  readonly stop: () => Promise<Served>
  /** Resolves when the relay has stopped or, with `drain`, has drained. Rejects when it cannot go on. */
  readonly ended: Promise<Served>
}

/** See `startRelay` of the package. */
export async function startRelay({ signal, log: told, ...settings }: RelayOptions): Promise<RunningRelay> {
  const config = configOf(settings)
  const log = createLog({ level: config.logLevel, format: 'json', out: { write: line => told && tell(told, line) } })
  const relay = new Relay({ ...config, slowConcurrency: slowWithinOpenFiles(config, log) }, log, traced(post, config))
  const stop = stopOf(relay)
  let works = () => {}
  const started = new Promise<void>(resolve => {
    works = resolve
  })
  const ended = serve(config, { log, metrics: null, relay, stop, mustConnect: true, works })
    .catch(error => abandon(error, relay, log))
    .finally(() => signal?.removeEventListener('abort', stop.begin))
  signal?.addEventListener('abort', stop.begin)
  if (signal?.aborted) stop.begin()
  await Promise.race([started, ended])
  const stopped = () => {
    stop.begin()
    return ended
  }
  return { stop: stopped, ended }
}

async function abandon(error: unknown, relay: Relay, log: Log): Promise<never> {
  log.fatal('failed', { err: error as Error })
  await relay.abandon()
  throw error
}

function tell(log: RelayLog, line: string): void {
  const { level, time: _, event, ...fields } = JSON.parse(line)
  const as = { trace: 'debug', fatal: 'error' }[level as string] ?? level
  log[as as keyof RelayLog](fields, event)
}

type Unchecked = Readonly<Record<string, unknown>>

/** @throws UsageError, whose faults name the settings as they are written here. */
function configOf(settings: Unchecked): RunConfig {
  try {
    return parse('run', argumentsOf(settings), {}).config
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(
      'startRelay',
      error.faults.map(fault => faultOf(fault, settings)),
      'ringback run --help',
    )
  }
}

/** `--deadline (flag): expected ...` becomes `deadlineMs: expected ...`. */
function faultOf(fault: string, settings: Unchecked): string {
  const [, name, rest] = /^--([\w-]+) \(flag\): (.*)$/s.exec(fault) ?? []
  const [key, option] = optionsOf('run').find(([, each]) => each.name === name) ?? []
  if (key === undefined) return fault
  const value = settings[key]
  const isText = option?.value === 'DURATION' && typeof value !== 'number'
  return `${key}: ${isText ? `expected a number of milliseconds; got ${JSON.stringify(value)}` : rest}`
}

/** The settings as arguments of the command, so that the same checks hold. An unknown one is a fault like any other. */
function argumentsOf(settings: Unchecked): string[] {
  const options = new Map<string, Option>(optionsOf('run'))
  return Object.entries(settings).flatMap(([name, value]) => {
    const isNone = value === undefined || value === null || (Array.isArray(value) && value.length === 0)
    const option = options.get(name)
    const text = option?.value === 'DURATION' ? durationOf(value) : String(value)
    return isNone ? [] : `--${option?.name ?? name}=${text}`
  })
}

function durationOf(ms: unknown): string {
  return ms === Number.POSITIVE_INFINITY ? 'never' : `${ms}ms`
}
