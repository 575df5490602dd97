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
 * V8 collects the whole heap when it has grown by this percentage. By default it may grow to four times what is alive:
 * with 100,000 origins, 240 MB for 60 MB.
 */
const heapGrowingPercent = 50

/** `ringback run`: delivers until SIGTERM or SIGINT. A second signal ends it at once. SIGHUP reads `--config` again. */
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

/** Imported only with `--listen`: the Prometheus client takes some megabytes. */
async function newMetrics({ memoryRows }: RunConfig): Promise<Metrics> {
  const { Metrics } = await import('../operate/metrics.ts')
  return new Metrics({ memoryLimit: memoryRows, surveyMs })
}

/** Listens before it connects to the database: liveness does not depend on that. */
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
 * The first SIGTERM or SIGINT stops in order, the second ends the process. One within half a second is a repetition:
 * npm and make pass on a signal that a terminal sends to all of them.
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
