import { createHash } from 'node:crypto'
import type { Log, LogFields } from '../../src/log/log.ts'
import { janitorPauseMs, janitorStepMs, pullMs } from '../../src/policy/tuning.ts'
import { Relay } from '../../src/relay/relay.ts'
import { check } from '../checker/check.ts'
import type { History, Verdict } from '../checker/history.ts'
import { installClocks } from './clocks.ts'
import { Database } from './database.ts'
import { Dice } from './dice.ts'
import { Faults } from './faults.ts'
import type { Flaws } from './flaws.ts'
import { Gateway, mostPosts } from './gateway.ts'
import { Operators } from './operators.ts'
import { Host, type RelayClass } from './process.ts'
import { Producers } from './producers.ts'
import { Receivers } from './receivers.ts'
import { drawScenario, limitedTo, type Scenario } from './scenario.ts'
import { Server } from './server.ts'
import { Settings } from './settings.ts'
import { Timeline } from './timeline.ts'

export interface SimulationOptions {
  readonly flaws?: Flaws
  /** A flawed relay. Default: the real one. */
  readonly relay?: RelayClass
  /** Properties that are given, not drawn, for flaws that few worlds show. */
  readonly scenario?: Partial<Scenario>
  /** Called for everything that happens, line by line. */
  readonly trace?: (line: string) => void
}

export interface Run {
  readonly history: History
  readonly verdict: Verdict
  /** Forbidden acts that no history shows: see `Database.strays`, `Database.unowned` and `Gateway`. */
  readonly strays: readonly string[]
  readonly steps: number
  /** In virtual milliseconds. */
  readonly tookMs: number
}

/** A hash of the whole history. */
export function digestOf({ history }: Run): string {
  return createHash('sha256').update(JSON.stringify(history)).digest('hex')
}

const callbacksWithinMs = 4_000

/** From the end of one run of the janitor to the next, in virtual milliseconds. */
const janitorRestMs = 300

/** Until then, in virtual milliseconds, operators act, receivers fail and faults come. */
const troubleMs = 5_000

/**
 * All must be settled so many virtual milliseconds after the last fault. A silent connection is given up after 20 s.
 * Where sweeps are rare, none begins by itself within this time.
 */
const drainMs = 50_000

/** Runs one world until all is settled. The seed determines everything in it. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Run> {
  const timeline = new Timeline()
  const dice = new Dice(seed)
  const uninstall = installClocks(timeline, dice)
  try {
    const world = new World(timeline, dice, options)
    world.addGateway(new Dice(seed + 0.5))
    world.addSettings(new Dice(seed + 0.25))
    // Floods have dice of their own, so that they do not change the other draws.
    const floods = new Dice(-seed)
    if (floods.chance(0.2)) world.producers.flood(floods.whole(80, 160), floods.upTo(callbacksWithinMs))
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
  readonly operators: Operators
  readonly receivers: Receivers
  readonly #dice: Dice
  readonly scenario: Scenario
  readonly #hosts: Host[]
  readonly #faults: Faults
  readonly #server: Server

  constructor(
    timeline: Timeline,
    dice: Dice,
    { flaws = {}, relay = Relay, scenario: given, trace }: SimulationOptions,
  ) {
    this.timeline = timeline
    this.#dice = dice
    const scenario = { ...drawScenario(dice), ...given }
    this.scenario = scenario
    const { isOneMachine, isNotifying, arriving, keys } = scenario
    this.db = new Database(timeline, { flaws, isOneMachine })
    this.db.sweepMs = scenario.sweepMs
    // Where most messages are slow, the server is slow as well.
    this.db.pullMs = scenario.slowOneIn < 2 ? 2 * pullMs.slow : 0
    this.db.hasJanitor = scenario.kept !== null
    this.db.janitorMs = { ago: janitorPauseMs - janitorRestMs, work: 2 * janitorStepMs }
    this.receivers = new Receivers(timeline, dice, this.db)
    this.producers = new Producers(this.db, timeline, dice, keys)
    this.operators = new Operators({ db: this.db, timeline, dice, written: this.producers.written })
    const server = new Server(this.db, timeline, dice, scenario)
    const parts = { relay, server, isNotifying, receivers: this.receivers, log: logTo(timeline, trace) }
    const limits = scenario.gateway === null ? {} : limitedTo(mostPosts)
    this.#hosts = scenario.configs.map(config => new Host({ ...config, ...limits, ...scenario.kept }, parts))
    this.#server = server
    this.#faults = new Faults(server, this.#hosts, dice)
    this.db.notify = (from, payload) => {
      for (const host of this.#hosts) if (isNotifying && dice.chance(arriving)) host.hint(from, payload)
    }
    if (trace)
      for (const each of [server, this.#faults, this.operators]) each.trace = line => trace(stamped(timeline, line))
  }

  /** @param dice its own ones, so that they do not change the other draws. */
  addGateway(dice: Dice): void {
    const { timeline, db, receivers, producers, scenario } = this
    if (scenario.gateway === null) return
    receivers.gateway = new Gateway(timeline, dice, db.strays, scenario.gateway === 'calm')
    receivers.gateway.write(producers)
  }

  /** @param dice as for `addGateway`. */
  addSettings(dice: Dice): void {
    const { timeline, db, receivers, producers, scenario } = this
    if (scenario.settings === 'alike') return
    const settings = new Settings({ timeline, dice, hosts: this.#hosts, strays: db.strays })
    receivers.settings = settings
    if (scenario.settings === 'mixed') settings.mix(troubleMs)
    else settings.change(1_000, producers)
  }

  async run(): Promise<void> {
    const { timeline, operators } = this
    const dice = this.#dice
    const { callbacks, acts, holds } = this.scenario
    this.producers.write(callbacks, callbacksWithinMs)
    operators.act(acts, troubleMs)
    if (holds > 0) operators.hold(dice.between(200, 3_000))
    this.#faults.bring(this.scenario, troubleMs)
    for (const host of this.#hosts) timeline.after(dice.upTo(dice.chance(0.7) ? 5 : 3_000), null, () => host.start())
    await timeline.run(() => false, troubleMs)
    this.receivers.isCalm = true
    this.#server.cancels = 0
    if (!(await timeline.run(() => this.#isDrained, troubleMs + drainMs))) return
    // Requests that are still on their way arrive, and frozen relays go on.
    await timeline.run(() => false, Math.max(timeline.now, ...this.#hosts.map(({ frozenUntil }) => frozenUntil)) + 500)
    await timeline.run(() => this.#isDrained, timeline.now + drainMs)
  }

  get #isDrained(): boolean {
    const { producers, operators, db } = this
    if (producers.open > 0 || operators.open > 0 || db.hasUnsettled) return false
    return this.#hosts.every(({ inFlight }) => inFlight === 0)
  }
}

function judge({ timeline, db, producers, operators, receivers, scenario }: World): Run {
  receivers.gateway?.judge()
  const history: History = {
    written: producers.written,
    acts: operators.acts,
    arrivals: receivers.arrivals,
    callbacks: [...db.rows.values(), ...db.deleted].map(row => ({ ...row, id: String(row.id) })),
    attempts: [...db.attempts, ...db.deletedAttempts],
  }
  const { keepDeliveredMs: keptMs = Infinity, keepDeadMs: keptDeadMs = Infinity } = scenario.kept ?? {}
  const verdict = check(history, { drained: true, keptMs, keptDeadMs, keepsDelivered: keptMs > 0 })
  const unowned = db.unowned.map(
    ({ messageId, attempt }) => `attempt ${attempt} of ${messageId} is in the log, and its callback is gone`,
  )
  const strays = [...db.strays, ...unowned]
  return { history, verdict, strays, steps: timeline.steps, tookMs: timeline.now }
}

function logTo(timeline: Timeline, trace: SimulationOptions['trace']): Log {
  const line = (event: string, fields: LogFields = {}): void => {
    const texts = Object.entries(fields).map(([key, value]) => `${key}=${value}`)
    trace?.(stamped(timeline, [timeline.current?.name, event, ...texts].join(' ')))
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

function stamped({ now }: Timeline, line: string): string {
  return `${now.toFixed(2).padStart(9)} ${line}`
}
