import { createHash } from 'node:crypto'
import { parse, type RunConfig } from '../../src/config.ts'
import type { Log, LogFields } from '../../src/observe/log.ts'
import { check } from '../../src/verify/check.ts'
import type { History, Verdict } from '../../src/verify/history.ts'
import { installClocks } from './clocks.ts'
import { Database } from './database.ts'
import { Dice } from './dice.ts'
import type { Flaws } from './flaws.ts'
import { Host } from './process.ts'
import { Producers } from './producers.ts'
import { Receivers } from './receivers.ts'
import { Server } from './server.ts'
import { Timeline } from './timeline.ts'
import { deadlineMs } from './wire.ts'

export interface SimulationOptions {
  readonly flaws?: Flaws
  /** Told what happens, line by line. */
  readonly trace?: (line: string) => void
}

export interface Run {
  readonly history: History
  readonly verdict: Verdict
  readonly steps: number
  /** Of all that was written, seen and recorded. */
  readonly digest: string
}

const callbacksWithinMs = 4_000

/** After the last fault all must be settled within this, in virtual milliseconds. */
const drainMs = 180_000

/** One world from its beginning until all is settled; the seed decides everything in it. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Run> {
  const timeline = new Timeline()
  const dice = new Dice(seed)
  const uninstall = installClocks(timeline, dice)
  try {
    const world = new World(timeline, dice, options)
    await world.run()
    return judge(world)
  } finally {
    uninstall()
  }
}

class World {
  readonly timeline: Timeline
  readonly db: Database
  readonly producers: Producers
  readonly receivers: Receivers
  readonly #dice: Dice
  readonly #hosts: Host[]

  constructor(timeline: Timeline, dice: Dice, { flaws = {}, trace }: SimulationOptions) {
    this.timeline = timeline
    this.#dice = dice
    this.db = new Database(timeline, flaws)
    this.receivers = new Receivers(timeline, dice, flaws)
    this.producers = new Producers(this.db, timeline, dice, dice.whole(3, 8))
    const server = new Server(this.db, timeline, dice)
    if (trace) server.trace = line => trace(`${timeline.now.toFixed(2)} server ${line}`)
    const parts = { server, receivers: this.receivers, log: logTo(timeline, trace) }
    this.#hosts = configs.slice(0, 1).map(config => new Host(config, parts))
    this.db.notify = from => {
      for (const host of this.#hosts) host.hint(from)
    }
  }

  async run(): Promise<void> {
    this.producers.write(this.#dice.whole(15, 40), callbacksWithinMs)
    for (const host of this.#hosts) host.start()
    await this.timeline.run(() => this.timeline.now >= callbacksWithinMs, callbacksWithinMs)
    this.receivers.isCalm = true
    await this.timeline.run(() => this.#isDrained, callbacksWithinMs + drainMs)
  }

  get #isDrained(): boolean {
    return (
      this.producers.open === 0 && this.db.unsettled.length === 0 && this.#hosts.every(({ inFlight }) => inFlight === 0)
    )
  }
}

function judge({ timeline, db, producers, receivers }: World): Run {
  const history: History = {
    written: producers.written,
    acts: [],
    arrivals: receivers.arrivals,
    callbacks: [...db.rows.values()].map(row => ({ ...row, id: String(row.id) })),
    attempts: [...db.attempts.values()].map(each => ({ ...each, callbackId: String(each.callbackId) })),
  }
  const verdict = check(history, { drained: true })
  const digest = createHash('sha256').update(JSON.stringify(history)).digest('hex')
  return { history, verdict, steps: timeline.steps, digest }
}

const configs = ['a', 'b', 'c'].map(configOf)

function configOf(name: string): RunConfig {
  const args = ['--name', name, '--lease', '4s', '--lease-margin', '500ms', '--deadline', `${deadlineMs}ms`]
  const more = ['--connect-timeout', '1s', '--retry-base', '50ms', '--retry-cap', '1s', '--max-attempts', '6']
  return parse('run', [...args, ...more, '--breaker-failures', '5', '--breaker-pause', '500ms'], {}).config
}

function logTo(timeline: Timeline, trace: SimulationOptions['trace']): Log {
  const line = (event: string, fields: LogFields = {}): void => {
    const texts = Object.entries(fields).map(([key, value]) => `${key}=${value}`)
    trace?.(`${timeline.now.toFixed(2)} ${timeline.current?.name ?? '-'} ${event} ${texts.join(' ')}`)
  }
  return {
    trace: line,
    debug: line,
    info: line,
    warn: line,
    error: line,
    fatal: line,
    writes: () => trace !== undefined,
  }
}
