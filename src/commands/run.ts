import { setFlagsFromString } from 'node:v8'
import type { RunConfig } from '../config/config.ts'
import { post } from '../delivery/post.ts'
import type { EventName } from '../log/events.ts'
import { createLog, type Log } from '../log/log.ts'
import type { HealthServer } from '../operate/health-server.ts'
import type { Metrics } from '../operate/metrics.ts'
import { traced } from '../operate/traces.ts'
import { surveyMs } from '../policy/tuning.ts'
import { Relay } from '../relay/relay.ts'
import { reloadOnSignal } from '../relay/reload.ts'
import { slowWithinOpenFiles } from './open-files.ts'
import { isClean, type Served, type Stop, serve, stopOf, type Watching } from './serve.ts'

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
  const relay = new Relay(limited, log, traced(post, config), metrics)
  let server: HealthServer | undefined
  try {
    server = await listen(config, relay, { log, metrics })
    const stop = stopOf(relay)
    stopOnSignal(stop, log)
    reloadOnSignal(config, log, destinations => relay.adopt(destinations))
    const served = await serve(config, { log, metrics, relay, stop, mustConnect: config.drain })
    return exitCodeOf(config, served)
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

function exitCodeOf({ drain }: RunConfig, { unrecorded, drained }: Served): number {
  const isDone = !drain || (drained !== null && isClean(drained))
  return unrecorded === 0 && isDone ? 0 : 1
}

/**
 * The first SIGTERM or SIGINT stops in order, the second one ends the process. A repetition within half a second is the
 * same one: a terminal signals the whole process group, and npm and make pass it on once more.
 */
function stopOnSignal(stop: Stop, log: Log): void {
  let firstAt: number | undefined
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt < 500) return
      log.warn('ended_at_once', { signal })
      process.exit(1)
    }
    firstAt = performance.now()
    log.info('signal', { signal })
    stop.begin()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}
