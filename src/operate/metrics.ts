import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { EventName } from '../log/events.ts'
import type { Claim, Decision, Outcome, OutcomeKind } from '../model.ts'
import { mostSurveyed, type Survey } from '../outbox/survey.ts'
import type { Observer, RelayState } from '../relay/observer.ts'
import { version } from '../version.ts'
import { CountedHistogram } from './counted-histogram.ts'
import { OriginCounts } from './origin-counts.ts'

/** Origins with a label of their own. */
const labelledOrigins = 20

const outcomes: readonly OutcomeKind[] = ['delivered', 'rejected', 'failed', 'not_sent', 'unknown']

/** Why callbacks die: a fixed set, never a receiver's text. */
const deathReasons = ['rejected', 'gave_up', 'unknown', 'expired', 'other'] as const

/** The relay's state at a scrape. */
export interface MetricsSource {
  readonly state: RelayState
  isBroken(origin: string): boolean
  isFailing(origin: string): boolean
}

/** Counts, by the value of the label, or the values of both joined by a space. */
type Tally = Map<string | number, number>

/** The values of the labels, and a count. */
type Series = readonly [values: readonly string[], count: number]

/** A metric as prom-client keeps it. */
interface Listed {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}

export interface MetricsOptions {
  readonly memoryLimit: number
  /** Between two surveys, in milliseconds. One older than four of them is not shown. */
  readonly surveyMs: number
}

/**
 * What `/metrics` shows. Events are counted in plain numbers, which prom-client gets at the scrape: each of its calls
 * builds and hashes an object of labels. A scrape runs no statement.
 */
export class Metrics implements Observer {
  readonly #registry = new Registry()
  readonly #origins = new OriginCounts(labelledOrigins)
  readonly #options: MetricsOptions
  #source: MetricsSource | undefined
  /** Read once a scrape, since reading it walks over every origin. */
  #state: RelayState | undefined
  #isListening: boolean | null = null
  #survey: { readonly survey: Survey; readonly at: number } | undefined
  readonly #registers = [this.#registry]

  readonly #attemptSeconds = this.#histogram(
    'attempt_duration_seconds',
    'From the start of an attempt to the last byte of the answer.',
    ['outcome'],
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  )
  readonly #responses = this.#tally('http_responses_total', 'Answers of receivers, by status.', ['code'])
  readonly #settled = this.#tally('settled_total', 'Callbacks that became delivered or dead, and why.', [
    'status',
    'reason',
  ])
  readonly #latency = this.#histogram(
    'delivery_latency_seconds',
    'From the insert of a callback, or from its first due time, to its 2xx.',
    [],
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 7_200],
  )
  readonly #statements = this.#histogram(
    'statement_duration_seconds',
    'Time until the database answers, by statement.',
    ['statement'],
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
  )
  readonly #events = this.#tally('events_total', 'Lines of the log by event, at --log-level and above.', ['event'])
  readonly #leaseLost = this.#counter('lease_lost_total', 'Registrations lost.')
  readonly #originsMoved = this.#counter('origins_moved_total', 'Divisions of the origins among the relays.')
  readonly #reloaded = this.#gauge(
    'config_last_reload_successful',
    '0: the last SIGHUP found a fault, and changed nothing.',
  )

  constructor(options: MetricsOptions) {
    this.#options = options
    collectDefaultMetrics({ register: this.#registry })
    this.#reloaded.set(1)
    this.#beginAtNothing()
    this.#showAttempts()
    this.#gauge('build_info', 'Always 1.', ['version']).set({ version }, 1)
    this.#showRelay()
    this.#showTables()
  }

  /** Called with the relay, which is made after its metrics. */
  attach(source: MetricsSource): void {
    this.#source = source
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** Ringback's own metrics, without prom-client's metrics of the process. */
  list(): readonly { readonly name: string; readonly help: string; readonly labels: readonly string[] }[] {
    const all = this.#registry.getMetricsAsArray() as unknown as Listed[]
    return all
      .filter(({ name }) => name.startsWith('ringback_'))
      .map(({ name, help, labelNames }) => ({ name, help, labels: labelNames }))
  }

  /** All metrics in the text format of Prometheus. */
  text(): Promise<string> {
    this.#state = this.#source?.state
    return this.#registry.metrics()
  }

  attempted(
    { origin, attemptOfBudget, dueUs, messageId }: Claim,
    { kind, httpStatus, startedAtMs, finishedAtMs }: Outcome,
    decision: Decision,
  ): void {
    const seconds = (finishedAtMs - startedAtMs) / 1_000
    const ofOrigin = this.#origins.of(origin)
    ofOrigin.attempts[kind] += 1
    ofOrigin.seconds += seconds
    this.#attemptSeconds.count(kind, seconds)
    if (httpStatus !== null) add(this.#responses, httpStatus)
    if (decision.status === 'dead') add(this.#settled, `dead ${reasonOf(decision)}`)
    if (decision.status !== 'delivered') return
    add(this.#settled, 'delivered delivered')
    const sinceMs = attemptOfBudget === 1 && dueUs !== null ? dueUs / 1_000 : writtenMs(messageId)
    this.#latency.count('', Math.max(0, Date.now() - sinceMs) / 1_000)
  }

  expired(callbacks: number): void {
    add(this.#settled, 'dead expired', callbacks)
  }

  answered(statement: string, ms: number): void {
    this.#statements.count(statement.replace(/^ringback_/, ''), ms / 1_000)
  }

  surveyed(survey: Survey): void {
    this.#survey = { survey, at: performance.now() }
  }

  /** Whether notifications arrive. Never called where inserts do not notify. */
  listening(isConnected: boolean): void {
    this.#isListening = isConnected
  }

  /** An event of the log was written. */
  logged(event: EventName): void {
    add(this.#events, event)
    if (event === 'registration_lost') this.#leaseLost.inc()
    if (event === 'origins_divided') this.#originsMoved.inc()
    if (event === 'config_reloaded') this.#reloaded.set(1)
    if (event === 'config_refused') this.#reloaded.set(0)
  }

  /** Series begin at 0: `rate()` sees the first event of a series only if the series existed before it. */
  #beginAtNothing(): void {
    for (const reason of deathReasons) add(this.#settled, `dead ${reason}`, 0)
    add(this.#settled, 'delivered delivered', 0)
  }

  #showAttempts(): void {
    const all = () => this.#origins.all
    this.#counted('attempts_total', 'POSTs that have ended, by outcome.', ['outcome'], () =>
      outcomes.map(outcome => [[outcome], sum(all().map(([, { attempts }]) => attempts[outcome]))]),
    )
    this.#counted('origin_attempts_total', 'POSTs that have ended, by receiver.', ['origin', 'outcome'], () =>
      all().flatMap(([origin, { attempts }]) =>
        outcomes
          .filter(outcome => attempts[outcome] > 0)
          .map(outcome => [[origin, outcome], attempts[outcome]] as const),
      ),
    )
    this.#counted('origin_attempt_seconds_sum', 'The time that POSTs took, by receiver.', ['origin'], () =>
      all().map(([origin, { seconds }]) => [[origin], seconds]),
    )
  }

  #showRelay(): void {
    const shown: Readonly<Record<string, readonly [help: string, value: (state: RelayState) => number]>> = {
      in_flight: ['POSTs on the wire.', state => state.inFlight],
      unrecorded: ['Outcomes that are not committed yet.', state => state.unrecorded],
      memory_rows: ['Callbacks in memory.', state => state.memoryRows],
      origins_owned: ['Origins of this relay that have callbacks.', state => state.origins],
      serving: ['1: the relay takes its share of the origins.', state => flag(isServing(state))],
      standing_by: ["1: the relay's settings are not those of most relays.", state => flag(state.standby !== null)],
      lease_remaining_seconds: ['Until the lease runs out.', state => Math.max(0, state.leaseRemainingMs) / 1_000],
      database_connected: ['1: the relay is connected to the database.', state => flag(state.isConnected)],
    }
    for (const [name, [help, value]] of Object.entries(shown)) this.#shown(name, help, value)
    this.#collected(
      'listener_connected',
      '1: notifications arrive; missing where inserts do not notify.',
      [],
      gauge => {
        if (this.#isListening !== null) gauge.set(flag(this.#isListening))
      },
    )
    this.#gauge('memory_rows_limit', 'The value of --memory-rows.').set(this.#options.memoryLimit)
    this.#shownBy(
      'origins',
      'Origins of this relay by state.',
      'state',
      ({ failingOrigins, restingOrigins, origins }) => ({
        failing: failingOrigins,
        resting: restingOrigins,
        waiting: origins,
      }),
    )
    this.#shownBy(
      'urls',
      'URLs in trouble at receivers that are well: their callbacks wait apart, or their own breakers are open.',
      'state',
      ({ apartUrls: apart, restingUrls: resting }) => ({ apart, resting }),
    )
    this.#shownBy('connections', 'Connections to receivers.', 'state', ({ connections: { open, idle } }) => ({
      busy: open - idle,
      idle,
    }))
    this.#shownBy(
      'origin_breaker_open',
      "1: the origin's breaker has opened, and no probe was answered since.",
      'origin',
      () => this.#ofOrigins(origin => flag(this.#source?.isBroken(origin) === true)),
    )
    this.#shownBy('origin_failing', '1: its attempts have only failed for a while.', 'origin', () =>
      this.#ofOrigins(origin => flag(this.#source?.isFailing(origin) === true)),
    )
  }

  #ofOrigins(value: (origin: string) => number): Record<string, number> {
    return Object.fromEntries(this.#origins.named.map(origin => [origin, value(origin)]))
  }

  /** Only the eldest relay shows these, since all would show the same. */
  #showTables(): void {
    const { surveyMs } = this.#options
    const now = () => Date.now() / 1_000
    const past = (seconds: number | null) => (seconds === null ? null : now() - seconds)
    const shown: Readonly<Record<string, readonly [help: string, value: (survey: Survey) => number | null]>> = {
      oldest_waiting_seconds: [
        'Since the oldest waiting callback was written.',
        each => each.oldestWaitingSeconds ?? 0,
      ],
      oldest_due_seconds: ['Since the first due callback became due.', each => each.oldestDueSeconds ?? 0],
      holds: ['Holds in the table of holds.', each => each.holds],
      oldest_hold_seconds: ['Since the oldest hold was placed.', each => each.oldestHoldSeconds ?? 0],
      relays_living: ['Relays whose lease has not run out.', each => each.relays.living],
      relays_serving: ['Living relays that serve.', each => each.relays.serving],
      relays_stale: ['Relays whose lease has run out.', each => each.relays.stale],
      history_oldest_timestamp_seconds: [
        'When the oldest settled callback was settled.',
        each => past(each.oldestHistorySeconds),
      ],
      retention_last_success_timestamp_seconds: [
        'When old callbacks were last deleted without a fault.',
        each => past(each.retentionSeconds),
      ],
    }
    const survey = () => {
      const newest = this.#survey
      return newest?.survey.isEldest && performance.now() - newest.at < 4 * surveyMs ? newest.survey : null
    }
    for (const [name, [help, value]] of Object.entries(shown))
      this.#collected(name, help, [], gauge => {
        const found = survey()
        const number = found && value(found)
        if (number !== null) gauge.set(number)
      })
    this.#collected(
      'callbacks',
      `Callbacks by state. Counting ends at ${mostSurveyed} in each index.`,
      ['state'],
      gauge => {
        const found = survey()
        if (!found) return
        for (const state of ['due', 'later', 'claimed', 'dead'] as const) gauge.set({ state }, found[state])
      },
    )
  }

  #shown(name: string, help: string, value: (state: RelayState) => number): void {
    this.#collected(name, help, [], gauge => {
      if (this.#state) gauge.set(value(this.#state))
    })
  }

  #shownBy(name: string, help: string, label: string, values: (state: RelayState) => Record<string, number>): void {
    this.#collected(name, help, [label], gauge => {
      if (!this.#state) return
      for (const [key, value] of Object.entries(values(this.#state))) gauge.set({ [label]: key }, value)
    })
  }

  /** A gauge that is emptied and filled at each scrape. */
  #collected(name: string, help: string, labelNames: readonly string[], fill: (gauge: Gauge) => void): void {
    new Gauge({
      ...this.#named(name, help, labelNames),
      collect() {
        this.reset()
        // After `reset` a gauge without labels is 0. `remove` leaves it out.
        if (labelNames.length === 0) this.remove()
        fill(this)
      },
    })
  }

  #named(name: string, help: string, labelNames: readonly string[] = []) {
    return { name: `ringback_${name}`, help, labelNames: [...labelNames], registers: this.#registers }
  }

  #counter(name: string, help: string): Counter {
    return new Counter(this.#named(name, help))
  }

  #tally(name: string, help: string, labelNames: readonly string[]): Tally {
    const tally: Tally = new Map()
    this.#counted(name, help, labelNames, () => [...tally].map(([key, count]) => [String(key).split(' '), count]))
    return tally
  }

  /** A counter that is filled at each scrape. */
  #counted(name: string, help: string, labelNames: readonly string[], series: () => readonly Series[]): void {
    new Counter({
      ...this.#named(name, help, labelNames),
      collect() {
        this.reset()
        for (const [values, count] of series())
          this.inc(Object.fromEntries(labelNames.map((label, n) => [label, values[n] ?? ''])), count)
      },
    })
  }

  #gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return new Gauge(this.#named(name, help, labelNames))
  }

  #histogram(name: string, help: string, labelNames: readonly string[], buckets: number[]): CountedHistogram {
    return new CountedHistogram({ ...this.#named(name, help, labelNames), buckets })
  }
}

function add(tally: Tally, key: string | number, count = 1): void {
  tally.set(key, (tally.get(key) ?? 0) + count)
}

const sum = (counts: readonly number[]) => counts.reduce((total, each) => total + each, 0)

function flag(is: boolean): number {
  return is ? 1 : 0
}

function isServing({ isConnected, isRegistered, isStopping, standby }: RelayState): boolean {
  return isConnected && isRegistered && !isStopping && standby === null
}

function reasonOf({ reason }: { readonly reason: string }): (typeof deathReasons)[number] {
  if (reason.startsWith('gave up')) return 'gave_up'
  if (reason.startsWith('rejected')) return 'rejected'
  if (reason.startsWith('unknown')) return 'unknown'
  return 'other'
}

/** A message id is a UUID of version 7: its first 48 bits are the time in Unix milliseconds. */
function writtenMs(messageId: string): number {
  return Number.parseInt(messageId.slice(0, 8) + messageId.slice(9, 13), 16)
}
