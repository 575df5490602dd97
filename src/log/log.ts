import { type Level, type LoggerOptions, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { messageOf } from '../errors.ts'
import { printable, printableLogLine } from '../printable.ts'
import type { EventName } from './events.ts'
import { type LogOutput, standardOutput } from './output.ts'

/**
 * All fields that a line can have beside `level`, `time` and `event`; docs/reference/log.md shows them. No field holds
 * a URL's path or query, a form, a header or a body.
 */
export const logFields = {
  address: 'where metrics and health are served',
  ahead_ms: "how far this machine's clock is before the database's; negative: behind it",
  among: 'how many relays share the origins',
  attempt: 'number of the attempt of its callback, from 1',
  attempts: 'attempts that are not recorded',
  away_ms: 'how long it lasted',
  becomes: 'what the callback becomes: `delivered`, `pending` (tried again), `dead`; `claimed`: it stays so',
  behind: 'callbacks that wait behind others of their keys',
  callbacks: 'how many have expired',
  database: 'host and port of the server',
  dead: 'callbacks that became dead',
  deleted: 'callbacks that retention deleted',
  delivered: 'callbacks that were delivered',
  due: 'callbacks that are due and wait for a receiver whose breaker is open',
  epoch: 'number of a registration, as in `outbox.relay`',
  err: 'an error: `type`, `message`, `code` (such as an SQLSTATE) and `cause`',
  error: 'why the attempt failed; null: it did not',
  failed: 'attempts that ended neither `delivered` nor `unknown`',
  failing: 'origins that are failing',
  faults: 'what is wrong with the settings, a line each',
  file: 'file of `--config`, or of `--database-url-file`',
  grace_ms: 'value of `--grace`',
  held: 'callbacks on hold',
  http_status: "status of the receiver's answer; null: no answer",
  id: 'column `id` of the callback',
  in_flight: 'POSTs on the wire',
  later: 'callbacks that are not due yet',
  lease_ms: 'value of `--lease`',
  limit: 'files that the process may open',
  lines: 'lines of the log that are lost',
  message_id: 'column `message_id` of the callback, which receivers get as `webhook-id`',
  needed: 'files that the process may need to open',
  oldest_ms: 'age of the oldest waiting callback',
  ordering_key: 'column `ordering_key` of the callback',
  origin: 'scheme, host and port of the receiver',
  outcome: 'how the attempt ended: `delivered`, `rejected`, `failed`, `not_sent`, `unknown`',
  pid: 'process id of a relay',
  reason: 'why, in words',
  relay: 'name of a relay',
  retry_in_ms: 'time until the next try; null: there is none',
  retrying: 'callbacks that failed and wait to be tried again',
  schema: 'value of `--schema`',
  serving: 'whether this relay takes its share',
  signal: 'SIGTERM or SIGINT',
  since_ms: 'how long it has lasted',
  statement: 'what PostgreSQL refuses: `claim`, `release`, `expire`, `supersede`, `bring forward`',
  took_ms: 'from the start of the attempt to its end',
  trace: "trace-id of the callback's `traceparent`; null: it has none that is valid",
  tries: 'how many times it failed in a row',
  unknown: 'attempts that may have arrived',
  version: 'version of Ringback',
  waiting: 'callbacks that wait',
  work: 'background work, such as `sweep` or `survey`',
} as const

/** Flat, for grep and for columns. `undefined` leaves a key out. */
export type LogFields = {
  readonly [field in keyof typeof logFields]?: string | number | boolean | null | undefined | Error
}

/**
 * Writes one event as one line. A query can rely on the names in `events.ts`. An error goes under the key `err`, never
 * into a text of our own.
 */
export type Log = {
  readonly [level in Level]: (event: EventName, fields?: LogFields) => void
} & {
  /** Whether a line of this level would be written. Worth calling before many lines are built. */
  readonly writes: (level: Level) => boolean
}

export interface LogOptions {
  readonly level: Level
  /** `auto`: pretty when `out` is a terminal. */
  readonly format: 'auto' | 'json' | 'pretty'
  /** Default stdout. */
  readonly out?: LogOutput
  /** Called for each event that is written. */
  readonly written?: (event: EventName) => void
}

/**
 * Writes JSON lines: `level` as a word, `time` in ISO 8601 (UTC), `event`, then the fields in the order given. The call
 * writes in this thread, so that a crash does not lose the last line.
 */
export function createLog({ level, format, out = standardOutput(), written }: LogOptions): Log {
  const pretty = format === 'pretty' || (format === 'auto' && out.isTTY === true)
  const logger = pino(
    pinoOptions(level),
    pretty ? prettyLines(out) : { write: (line: string) => void out.write(printableLogLine(line)) },
  )
  const at =
    (level: Level) =>
    (event: EventName, fields: LogFields = {}): void => {
      if (!logger.isLevelEnabled(level)) return
      logger[level]({ event, ...fields })
      written?.(event)
    }
  out.onDropped?.(lines => at('warn')('log_lines_dropped', { lines }))
  return Object.freeze({
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    writes: (level: Level) => logger.isLevelEnabled(level),
  })
}

function pinoOptions(level: Level): LoggerOptions {
  const withStack = level === 'debug' || level === 'trace'
  return {
    level,
    base: null,
    // With `err` as its error key, pino would repeat the error's message as `msg`.
    errorKey: 'unused',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
    serializers: { err: (error: unknown) => shownError(error, withStack) },
  }
}

/** Not a pino transport: that is a worker thread, and a crash loses its last lines. */
function prettyLines(out: LogOutput): { write(line: string): void } {
  const pretty = prettyFactory({
    colorize: out.isTTY === true,
    messageKey: 'event',
    singleLine: true,
    errorLikeObjectKeys: [],
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
  })
  return { write: line => void out.write(printableLogLine(pretty(reasonFirst(JSON.parse(line))))) }
}

/** Puts the reason behind the event's name, before all other fields. */
function reasonFirst({ event, ...line }: Readonly<Record<string, unknown>>): object {
  const { reason, error, faults, err, ...others } = line
  const { message, type: _, ...rest } = (typeof err === 'object' ? err : { message: err }) as Record<string, unknown>
  const why = reason ?? error ?? faults ?? message
  if (why === undefined || why === null) return { ...others, event }
  return {
    ...others,
    ...(Object.keys(rest).length > 0 ? { err: rest } : {}),
    event: `${event}: ${printable(String(why).replaceAll('\n', '; '))}`,
  }
}

interface ShownError {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly cause?: string
  readonly stack?: string
}

/** An error's harmless fields. PostgreSQL's `detail` can hold a row, and an HTTP client's error can hold headers. */
function shownError(error: unknown, withStack: boolean): ShownError | string {
  if (!(error instanceof Error)) return String(error)
  return {
    type: error.name,
    message: messageOf(error),
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
    ...(error.cause instanceof Error ? { cause: messageOf(error.cause) } : {}),
    ...(withStack && error.stack ? { stack: error.stack } : {}),
  }
}

/**
 * Scheme, host, port and path of a URL, without what may be secret: user, password, query, fragment. `(not a URL)` for
 * any other text.
 */
export function urlWithoutQuery(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)'
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
