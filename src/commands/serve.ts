import { connectionOf, type RunConfig } from '../config/config.ts'
import { RingbackError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import type { Metrics } from '../operate/metrics.ts'
import { explainDenied, isTransient, isUndefined } from '../outbox/database-errors.ts'
import { checkSchema, isNotifying, readSalt, refuseRowSecurity } from '../outbox/installed.ts'
import { Listener } from '../outbox/listener.ts'
import { type Backend, sessionName } from '../outbox/session.ts'
import { Sessions } from '../outbox/sessions.ts'
import { Drain, type DrainEnd } from '../relay/drain.ts'
import { isLasting, Outage } from '../relay/outage.ts'
import type { Relay } from '../relay/relay.ts'
import { version } from '../version.ts'

/** What observes the relay. */
export interface Watching {
  readonly log: Log
  /** null without `--listen`. */
  readonly metrics: Metrics | null
}

export interface Stop {
  /** Aborted when the relay is told to stop. */
  readonly asked: AbortSignal
  /** Aborted when the stop is complete. */
  readonly over: AbortSignal
  /** Resolves when the stop is complete, with how many attempts could not be recorded; 0 before a stop begins. */
  readonly unrecorded: Promise<number>
  /** Stops in order. A second call does nothing. */
  readonly begin: () => void
}

export function stopOf(relay: Relay): Stop {
  const [asked, over] = [new AbortController(), new AbortController()]
  const begin = () => {
    if (asked.signal.aborted) return
    asked.abort()
    stop.unrecorded = relay.stop().finally(() => over.abort())
  }
  const stop = { asked: asked.signal, over: over.signal, unrecorded: Promise.resolve(0), begin }
  return stop
}

/** How a relay ended after a stop or a drain. */
export interface Served {
  /** Attempts that could not be recorded. */
  readonly unrecorded: number
  /** null without `--drain`, or when the relay was stopped before it had drained. */
  readonly drained: Drained | null
}

/** How many callbacks `--drain` has delivered, and how many are left. */
export interface Drained extends Pick<DrainEnd, 'due' | 'retrying' | 'later' | 'held' | 'behind' | 'dead'> {
  /** Counts this relay's only. */
  readonly delivered: number
}

export interface ServeOptions extends Watching {
  readonly relay: Relay
  readonly stop: Stop
  /** Ends the relay when the database cannot be reached at the start. Otherwise it waits. */
  readonly mustConnect: boolean
  /** Called whenever the relay has renewed its lease, first when it has registered. */
  readonly works?: () => void
}

/**
 * `--drain` gives up after this time in which nothing was settled, or after two leases if they are longer;
 * milliseconds.
 */
const leastPatienceMs = 10_000

/** Delivers until it is stopped, or, with `--drain`, until every due callback is delivered. */
export async function serve(config: RunConfig, options: ServeOptions): Promise<Served> {
  const { log, relay, stop, mustConnect } = options
  log.info('starting', { relay: config.name, version, schema: config.schema, pid: process.pid })
  const outage = new Outage(log)
  const mustEnd = (error: unknown) =>
    mustConnect || error instanceof RingbackError || isLasting(error) || !isTransient(error)
  const sessions = await connect(config, { ...options, outage, former: [] }, mustEnd)
  if (!sessions) return { unrecorded: await stop.unrecorded, drained: null }
  const notified = await inspect(sessions, config)
  const drain = config.drain ? newDrain(config, sessions, relay) : null
  const listener = notified ? startListener(config, options, sessions) : null
  const ends = new AbortController()
  const drained = drain && drainThenStop(drain, options, AbortSignal.any([stop.asked, ends.signal]))
  drained?.catch(() => {})
  try {
    await serveLinks(config, { ...options, outage, listener, drain }, sessions)
    const unrecorded = await stop.unrecorded
    const end = { unrecorded, drained: await drained }
    log.info('stopped')
    return end
  } finally {
    ends.abort()
    await listener?.stop()
  }
}

function newDrain({ leaseMs }: RunConfig, { read }: Sessions, relay: Relay): Drain {
  // The claims of a dead relay are found after its lease.
  const patienceMs = Math.max(leastPatienceMs, 2 * leaseMs)
  return new Drain(read, { broken: () => relay.broken, delivered: () => relay.delivered, patienceMs })
}

async function drainThenStop(drain: Drain, options: ServeOptions, stopped: AbortSignal): Promise<Drained | null> {
  const { log, relay, stop } = options
  const end = await drain.ended(stopped).catch(error => {
    stop.begin()
    throw error
  })
  if (end === null) return null
  stop.begin()
  await stop.unrecorded
  const { due, retrying, later, held, behind, dead, gaveUp } = end
  const drained = { delivered: relay.delivered, dead, due, retrying, later, held, behind }
  log[isClean(drained) ? 'info' : 'warn']('drained', { ...drained, reason: gaveUp ?? undefined })
  return drained
}

/** Whether every due callback was delivered. */
export function isClean({ due, retrying, dead }: Drained): boolean {
  return due + retrying + dead === 0
}

/** Checks that the schema fits, else closes the sessions and throws. Returns whether inserts notify. */
async function inspect(sessions: Sessions, { schema }: RunConfig): Promise<boolean> {
  try {
    await refuseRowSecurity(sessions.read, schema)
    await checkSchema(sessions.read, schema)
    // Readers and operators may do all of the above. Only a relay may read this.
    await readSalt(sessions.read)
    return await isNotifying(sessions.read)
  } catch (error) {
    sessions.destroy()
    throw explainDenied(error, 'ringback run', 'relay', sessions.read)
  }
}

interface Serving extends ServeOptions {
  readonly outage: Outage
  readonly listener: Listener | null
  readonly drain: Drain | null
}

/** Connects again whenever the connections fail, and lets the relay go on. */
async function serveLinks(config: RunConfig, serving: Serving, first: Sessions): Promise<void> {
  const { relay, outage, listener, stop, drain, works } = serving
  let failure: unknown
  for (let sessions: Sessions | undefined = first; sessions; ) {
    try {
      // After an undefined table: `inspect` names a dropped schema, and what to run.
      if (isUndefined(failure)) await inspect(sessions, config)
      drain?.goOn(sessions.read)
      listener?.follow(sessions.keep)
      await relay.serve(sessions, listener, () => {
        outage.over()
        works?.()
      })
      return
    } catch (error) {
      if (stop.over.aborted) return
      if (isLasting(error)) throw error
      failure = error
      await outage.wait(error, stop.asked.aborted ? stop.over : stop.asked)
    }
    sessions = await connect(config, { ...serving, former: sessions.backends }, isLasting)
  }
}

interface Connecting extends Omit<Serving, 'listener' | 'drain'> {
  /** The server's processes for the previous sessions. */
  readonly former: readonly Backend[]
}

/**
 * Connects, however long it takes. Returns undefined when the relay was told to stop and has nothing more to record, or
 * when its time for that is over.
 *
 * @throws an error for which `mustEnd` returns true.
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

/** Logs that commits wait for a standby: when that begins, and once a minute while it lasts. */
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

/**
 * After so many failures in a row the cause is lasting, such as a proxy, or another program that floods the channel.
 */
const deafAfter = 5

function startListener(config: RunConfig, { relay, log, metrics }: ServeOptions, { keep }: Sessions): Listener {
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
  listener.follow(keep)
  listener.start()
  return listener
}
