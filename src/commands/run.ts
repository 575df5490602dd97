import { setFlagsFromString } from 'node:v8'
import { connectionOf, type RunConfig } from '../config/config.ts'
import { RingbackError } from '../errors.ts'
import type { EventName } from '../log/events.ts'
import { createLog, type Log } from '../log/log.ts'
import type { HealthServer } from '../operate/health-server.ts'
import type { Metrics } from '../operate/metrics.ts'
import { explainDenied, isTransient, isUndefined } from '../outbox/database-errors.ts'
import { checkSchema, isNotifying, refuseRowSecurity } from '../outbox/installed.ts'
import { Listener } from '../outbox/listener.ts'
import { type Backend, sessionName } from '../outbox/session.ts'
import { Sessions } from '../outbox/sessions.ts'
import { surveyMs } from '../policy/tuning.ts'
import { isLasting, Outage } from '../relay/outage.ts'
import { Relay } from '../relay/relay.ts'
import { reloadOnSignal } from '../relay/reload.ts'
import { version } from '../version.ts'
import { slowWithinOpenFiles } from './open-files.ts'

/**
 * V8 collects the whole heap when it has grown by so many percent. By itself V8 lets it grow to four times what is alive, where the
 * machine has much memory: with 100,000 origins 60 MB were alive in a heap of 240 MB. A relay makes much that lives just long
 * enough to be old (connections, rows that wait), and shares its machine with others.
 */
const heapGrowingPercent = 50

/** `ringback run`: relays until SIGTERM or SIGINT; a second signal ends at once. SIGHUP reads `--config` again. */
export async function run(config: RunConfig): Promise<number> {
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`)
  const metrics = config.listen === null ? null : await newMetrics(config)
  const written = (event: EventName) => metrics?.logged(event)
  const log = createLog({ level: config.logLevel, format: config.logFormat, written })
  process.on('uncaughtException', error => {
    log.fatal('failed', { err: error })
    process.stderr.write(`${error.stack}\n`)
    process.exit(1)
  })
  const limited = { ...config, slowConcurrency: slowWithinOpenFiles(config, log) }
  const relay = new Relay(limited, log, undefined, metrics)
  let server: HealthServer | undefined
  try {
    server = await listen(config, relay, { log, metrics })
    return await relayUntilStopped(config, relay, { log, metrics })
  } catch (error) {
    log.fatal('failed', { err: error as Error })
    await relay.abandon()
    throw error
  } finally {
    server?.close()
  }
}

/** Loaded only where somebody asks for them: a client of Prometheus takes some megabytes. */
async function newMetrics({ memoryRows }: RunConfig): Promise<Metrics> {
  const { Metrics } = await import('../operate/metrics.ts')
  return new Metrics({ memoryLimit: memoryRows, surveyMs })
}

/** Before the database is connected to: whether it is alive is known without. */
async function listen(config: RunConfig, relay: Relay, { log, metrics }: Watching): Promise<HealthServer | undefined> {
  if (config.listen === null || metrics === null) return undefined
  metrics.attach(relay)
  const { HealthServer } = await import('../operate/health-server.ts')
  const server = await HealthServer.start({ ...config.listen, state: () => relay.state, metrics })
  log.info('listening', { address: server.address })
  return server
}

async function relayUntilStopped(config: RunConfig, relay: Relay, { log, metrics }: Watching): Promise<number> {
  const stop = stopOnSignal(relay, log)
  log.info('starting', { relay: config.name, version, schema: config.schema, pid: process.pid })
  reloadOnSignal(config, log, destinations => relay.goBy(destinations))
  const outage = new Outage(log)
  const mustEnd = (error: unknown) => error instanceof RingbackError || isLasting(error) || !isTransient(error)
  const sessions = await connect(config, { log, metrics, relay, outage, stop, former: [] }, mustEnd)
  if (!sessions) return 0
  const notified = await inspect(sessions, config)
  const listener = notified ? startListener(config, relay, { log, metrics }) : null
  try {
    await serveTerms(config, { log, metrics, relay, outage, listener, stop }, sessions)
    const unrecorded = await stop.unrecorded
    log.info('stopped')
    return unrecorded === 0 ? 0 : 1
  } finally {
    await listener?.stop()
  }
}

/** Does the schema fit, and do inserts notify? Closes the sessions when it does not. */
async function inspect(sessions: Sessions, { schema }: RunConfig): Promise<boolean> {
  try {
    await refuseRowSecurity(sessions.read, schema)
    await checkSchema(sessions.read, schema)
    return await isNotifying(sessions.read)
  } catch (error) {
    sessions.destroy()
    throw explainDenied(error, 'ringback run', 'relay', sessions.read)
  }
}

/** Who is told what happens. */
interface Watching {
  readonly log: Log
  /** null: nobody asks for them. */
  readonly metrics: Metrics | null
}

interface Terms extends Watching {
  readonly relay: Relay
  readonly outage: Outage
  readonly listener: Listener | null
  readonly stop: Stop
}

/** Term after term: the connections fail, are made anew, and the relay goes on. */
async function serveTerms(
  config: RunConfig,
  { log, metrics, relay, outage, listener, stop }: Terms,
  first: Sessions,
): Promise<void> {
  let failure: unknown
  for (let sessions: Sessions | undefined = first; sessions; ) {
    try {
      // A schema that somebody has dropped is named, with what to run.
      if (isUndefined(failure)) await inspect(sessions, config)
      await relay.serve(sessions, listener, () => outage.over())
      return
    } catch (error) {
      if (stop.over.aborted) return
      if (isLasting(error)) throw error
      failure = error
      await outage.wait(error, stop.asked.aborted ? stop.over : stop.asked)
    }
    sessions = await connect(config, { log, metrics, relay, outage, stop, former: sessions.backends }, isLasting)
  }
}

interface Connecting extends Omit<Terms, 'listener'> {
  /** What the sessions of the former term were on the server. */
  readonly former: readonly Backend[]
}

/**
 * Connects, however long it takes; undefined when there is nothing to connect for: the relay has been told to stop, and all
 * that it has sent is written down, or the time for that is over. Throws what `mustEnd` says that no wait is for.
 */
async function connect(
  config: RunConfig,
  { log, metrics, relay, outage, stop, former }: Connecting,
  mustEnd: (error: unknown) => boolean,
): Promise<Sessions | undefined> {
  const standbyAwaited = standbyWatch(log)
  const answered = metrics ? (statement: string, ms: number) => metrics.answered(statement, ms) : undefined
  while (!stop.over.aborted && !(stop.asked.aborted && relay.unsettled === 0)) {
    try {
      return await Sessions.open({
        former,
        standbyAwaited,
        answered,
        leaseMs: config.leaseMs,
        connection: connectionOf(config),
        relay: config.name,
        schema: config.schema,
        prepared: config.prepared,
        timeoutMs: 20_000,
      })
    } catch (error) {
      if (mustEnd(error)) throw error
      await outage.wait(error, stop.asked.aborted ? stop.over : stop.asked)
    }
  }
  return undefined
}

/** Says that commits wait for a standby: when it begins, and once a minute while it lasts. */
function standbyWatch(log: Log): (standbys: string) => void {
  let since = Number.NEGATIVE_INFINITY
  let lastAt = since
  let saidAt = since
  return standbys => {
    const now = performance.now()
    if (now - lastAt > 15_000) since = now
    if (since === now || now - saidAt > 60_000) {
      const reason = `commits wait for a synchronous standby (synchronous_standby_names = '${standbys}')`
      log.warn('standby_awaited', { reason, since_ms: Math.round(now - since) })
      saidAt = now
    }
    lastAt = now
  }
}

/** A listener that is lost so often in a row has a reason that stays: a proxy between, a channel that somebody else fills. */
const deafAfter = 5

function startListener(config: RunConfig, relay: Relay, { log, metrics }: Watching): Listener {
  const listener = new Listener(
    {
      connection: () => connectionOf(config),
      schema: config.schema,
      applicationName: sessionName('listen', config.name),
      heartbeatMs: 15_000,
      echoMs: 5_000,
    },
    {
      hint: (from, payload) => {
        if (from === null) metrics?.listening(true)
        relay.hint(from, payload)
      },
      lost: (reason, tries) => {
        metrics?.listening(false)
        log[tries === deafAfter ? 'warn' : 'debug']('listener_lost', { err: reason, tries })
      },
    },
  )
  listener.start()
  return listener
}

interface Stop {
  /** Aborted by the first signal. */
  readonly asked: AbortSignal
  /** Aborted when the orderly end is complete. */
  readonly over: AbortSignal
  /** Resolves then, with how many attempts could not be recorded; at once when none was begun. */
  readonly unrecorded: Promise<number>
}

/**
 * The first SIGTERM or SIGINT stops in order, the second one ends the process. A repetition within half a second is the
 * same one: a terminal signals the whole process group, and npm and make pass it on once more.
 */
function stopOnSignal(relay: Relay, log: Log): Stop {
  const [asked, over] = [new AbortController(), new AbortController()]
  const state = { asked: asked.signal, over: over.signal, unrecorded: Promise.resolve(0) }
  let firstAt = 0
  const stop = (signal: NodeJS.Signals): void => {
    if (asked.signal.aborted) {
      if (performance.now() - firstAt < 500) return
      log.warn('ended_at_once', { signal })
      process.exit(1)
    }
    firstAt = performance.now()
    log.info('signal', { signal })
    asked.abort()
    state.unrecorded = relay.stop().finally(() => over.abort())
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  return state
}
