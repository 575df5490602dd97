import { connectionOf, type RunConfig } from '../config/config.ts'
import { RingbackError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import type { Metrics } from '../operate/metrics.ts'
import { explainDenied, isTransient, isUndefined } from '../outbox/database-errors.ts'
import { checkSchema, isNotifying, refuseRowSecurity } from '../outbox/installed.ts'
import { Listener } from '../outbox/listener.ts'
import { type Backend, sessionName } from '../outbox/session.ts'
import { Sessions } from '../outbox/sessions.ts'
import { Drain, type DrainEnd } from '../relay/drain.ts'
import { isLasting, Outage } from '../relay/outage.ts'
import type { Relay } from '../relay/relay.ts'
import { version } from '../version.ts'

/** Who is told what happens. */
export interface Watching {
  readonly log: Log
  /** null: nobody asks for them. */
  readonly metrics: Metrics | null
}

export interface Stop {
  /** Aborted when the relay is told to stop. */
  readonly asked: AbortSignal
  /** Aborted when the orderly end is complete. */
  readonly over: AbortSignal
  /** Resolves then, with how many attempts could not be recorded; at once when none was begun. */
  readonly unrecorded: Promise<number>
  /** Stops in order; a second call does nothing. */
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

/** How a relay has ended that was stopped, or has drained. */
export interface Served {
  /** Attempts that could not be recorded. */
  readonly unrecorded: number
  /** With `--drain`; null: without it, or the relay was stopped before. */
  readonly drained: Drained | null
}

/** What `--drain` has brought about, and what it has left. */
export interface Drained extends Pick<DrainEnd, 'due' | 'retrying' | 'later' | 'held' | 'behind' | 'dead'> {
  /** By this relay. */
  readonly delivered: number
}

export interface ServeOptions extends Watching {
  readonly relay: Relay
  readonly stop: Stop
  /** A database that cannot be reached at the start ends the relay, instead of being waited for. */
  readonly mustConnect: boolean
  /** Called when the relay has registered, and again and again. */
  readonly works?: () => void
}

/** The least time without anything settled after which `--drain` gives up, in milliseconds. */
const leastPatienceMs = 10_000

/** Relays until it is stopped, or, with `--drain`, until what is due is delivered. */
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
  // What a dead relay has left is found after its lease.
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

/** All that was due is delivered. */
export function isClean({ due, retrying, dead }: Drained): boolean {
  return due + retrying + dead === 0
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

interface Serving extends ServeOptions {
  readonly outage: Outage
  readonly listener: Listener | null
  readonly drain: Drain | null
}

/** Link after link: the connections fail, are made anew, and the relay goes on. */
async function serveLinks(config: RunConfig, serving: Serving, first: Sessions): Promise<void> {
  const { relay, outage, listener, stop, drain, works } = serving
  let failure: unknown
  for (let sessions: Sessions | undefined = first; sessions; ) {
    try {
      // A schema that somebody has dropped is named, with what to run.
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
  /** What the sessions of the former link were on the server. */
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
