import type { RunConfig } from '../config/config.ts'
import type { Origins } from '../delivery/origins.ts'
import { post } from '../delivery/post.ts'
import { DefectError } from '../errors.ts'
import { attemptFields } from '../log/attempt.ts'
import type { Log } from '../log/log.ts'
import { Lease, systemClocks } from '../membership/lease.ts'
import type { Attempt, Claim } from '../model.ts'
import type { Sessions } from '../outbox/sessions.ts'
import { decide, originSign, type RetryPolicy } from '../policy/decision.ts'
import type { Destinations } from '../policy/destinations.ts'
import { leaseCheckMs, leastHorizonMs, maxUnrecorded, sweepPauseMs } from '../policy/tuning.ts'
import { Sequencer } from '../sequencer/sequencer.ts'
import { Bell } from './bell.ts'
import { Claimer } from './claimer.ts'
import { Fetcher } from './fetcher.ts'
import { Holdings } from './holdings.ts'
import { Intake } from './intake.ts'
import { Janitor } from './janitor.ts'
import { Keeper } from './keeper.ts'
import { posting } from './posting.ts'
import { Recorder } from './recorder.ts'
import { finish, handOver } from './shutdown.ts'
import { type Listening, Term } from './term.ts'
import type { WakeReason } from './wake.ts'

/**
 * The relay: reads rows, puts them in order, claims, delivers, records.
 *
 * What is under way (attempts, outcomes, lanes, lease) outlives the connections; a `term` is the time from connecting until
 * the first connection fails. All connections are replaced together then, what waits in memory is forgotten, and the next
 * term's first sweep finds it again.
 */
export class Relay {
  readonly #config: RunConfig
  #destinations: Destinations
  readonly #log: Log
  readonly #origins: Origins
  readonly #sequencer: Sequencer
  readonly #holdings = new Holdings()
  readonly #lease: Lease
  readonly #keeper: Keeper
  readonly #recorder: Recorder
  /** Rung when a slot or a row may have come free. */
  readonly #bell = new Bell()
  #term: Term | undefined
  readonly #horizonMs: number
  readonly #policy: RetryPolicy
  readonly #postOptions: ReturnType<typeof posting>
  readonly #post: typeof post
  /** Attempts whose POST is under way, as `attemptName` calls them. */
  readonly #inFlight = new Set<string>()
  /** A claim or a look at the lanes may be under way, and bring something to do. */
  #isTaking = false
  #isStopping = false
  #hasStopped = false
  readonly #watchdog = setInterval(() => this.#abortWithoutLease(), leaseCheckMs)
  #wantKey: (key: string) => void = () => {}
  #break: (reason: DefectError) => void = () => {}
  /** Rejects with a defect, which ends the relay. */
  readonly #broken = new Promise<never>((_, reject) => {
    this.#break = reject
  })

  /** @param send POSTs one callback and says how it ended, whatever happens. */
  constructor(config: RunConfig, log: Log, send: typeof post = post) {
    this.#broken.catch(() => {})
    this.#config = config
    this.#destinations = config.destinations
    this.#log = log
    this.#post = send
    const { memoryRows, leaseMs, leaseMarginMs, pollMs } = config
    const settingsOf = (origin: string) => this.#destinations.of(origin)
    this.#horizonMs = Math.max(leastHorizonMs, 3 * pollMs)
    this.#sequencer = new Sequencer({ rows: memoryRows, settingsOf, horizonMs: this.#horizonMs, drainMs: 15_000 })
    this.#lease = new Lease({ leaseMs, marginMs: leaseMarginMs }, systemClocks)
    this.#keeper = new Keeper(
      { lease: this.#lease, holdings: this.#holdings, sequencer: this.#sequencer, log },
      { name: config.name, leaseMs, observeMs: pollMs },
    )
    this.#recorder = new Recorder(
      { relay: () => this.#keeper.name, log, deletes: config.keepDeliveredMs === 0 },
      { recorded: this.#recorded, overtaken: this.#overtaken, lost: this.#lost },
    )
    this.#policy = {
      baseMs: config.retryBaseMs,
      capMs: config.retryCapMs,
      retryAfterCapMs: config.retryAfterCapMs,
      settingsOf,
    }
    this.#postOptions = posting(config, {
      settingsOf,
      mayStart: ({ lane, epoch }) => this.#lease.isHeld && this.#holdings.epochOf(lane) === epoch,
      database: () => this.#term?.sessions.read.peer ?? null,
    })
    this.#origins = this.#postOptions.origins
  }

  /**
   * One term: works until `stop` has ended, or until a session fails; rejects with why then. While the relay stops, a term is
   * for recording alone.
   *
   * @param listening how inserts reach us; null: they do not notify (`migrate --wake poll`).
   * @param works is called whenever the lease has been renewed while everything else goes on.
   */
  async serve(sessions: Sessions, listening: Listening | null, works: () => void = () => {}): Promise<void> {
    if (this.#hasStopped || (this.#isStopping && this.unsettled === 0)) return sessions.destroy()
    const term = new Term(sessions, listening, this.#config)
    this.#term = term
    if (this.#isStopping) term.stopWork()
    let loops: Promise<void>[] = []
    try {
      this.#sequencer.forget(performance.now())
      if (!this.#isStopping) await this.#keeper.start(sessions.keep)
      const intake = this.#intake(term)
      const fetcher = this.#fetcher(term, intake)
      const takers = [this.#keep(term, fetcher, works), this.#claim(term, intake)]
      this.#isTaking = true
      void Promise.allSettled(takers).then(() => {
        this.#isTaking = false
      })
      loops = [...takers, this.#read(term, fetcher), this.#record(term)]
      await Promise.race([sessions.failure(), this.#broken, Promise.all(loops)])
    } finally {
      term.end()
      this.#bell.ring()
      this.#recorder.nudge()
      sessions.destroy()
      await Promise.allSettled(loops)
    }
  }

  /** Look for rows. A notification of our own (waking, we announce that to the others) is no reason to. */
  hint(from: number | null): void {
    const term = this.#term
    if (term && (from === null || from !== term.sessions.keep.pid)) term.wake.hint()
  }

  /** What starts from now on goes by these; what is being sent ends as it began. */
  goBy(destinations: Destinations): void {
    this.#destinations = destinations
    this.#origins.renew()
    this.#sequencer.reconfigure()
    this.#bell.ring()
  }

  /** POSTs and outcomes that are not written down yet; while there are any, a relay that stops still needs the database. */
  get unsettled(): number {
    return this.#inFlight.size + this.#recorder.backlog
  }

  /**
   * Ends in order, and hands the lanes over. `serve` resolves when all is done.
   *
   * @returns how many attempts could not be recorded.
   */
  async stop(): Promise<number> {
    this.#isStopping = true
    this.#log.info('stopping', { in_flight: this.#inFlight.size, grace_ms: this.#config.graceMs })
    this.#term?.stopWork()
    this.#bell.ring()
    const work = () => ({ inFlight: this.#inFlight.size, isTaking: this.#isTaking, unrecorded: this.#recorder.backlog })
    await finish(work, this.#origins, this.#config.graceMs)
    this.#hasStopped = true
    const attempts = this.#recorder.backlog
    if (attempts > 0) this.#log.error('stopped_unrecorded', { attempts })
    await handOver(this.#term, this.#keeper, this.#log)
    await this.#origins.close()
    clearInterval(this.#watchdog)
    this.#recorder.nudge()
    return attempts
  }

  /** Ends without any order: what is in flight is cut off, and the heir finds it as after a crash. */
  async abandon(): Promise<void> {
    this.#origins.abort('the relay has failed')
    await this.#origins.close()
    clearInterval(this.#watchdog)
  }

  #intake({ sessions }: Term): Intake {
    return new Intake({
      session: sessions.read,
      sequencer: this.#sequencer,
      holdings: this.#holdings,
      recorder: this.#recorder,
      log: this.#log,
      policy: this.#policy,
      isSending: (id, attempt) => this.#inFlight.has(attemptName(id, attempt)),
      bell: this.#bell,
    })
  }

  #fetcher({ sessions }: Term, intake: Intake): Fetcher {
    const { memoryRows, pollMs } = this.#config
    return new Fetcher(
      { session: sessions.read, sequencer: this.#sequencer, holdings: this.#holdings, intake },
      { horizonMs: this.#horizonMs, sweepMs: Math.min(sweepPauseMs, pollMs), memoryRows },
    )
  }

  #keep(term: Term, fetcher: Fetcher, renewed: () => void): Promise<void> {
    const changed = () => {
      fetcher.restart()
      term.wake.hint()
    }
    return this.#keeper.run(term.sessions.keep, () => term.isWorking, term.keeperBell, { changed, renewed })
  }

  async #read(term: Term, fetcher: Fetcher): Promise<void> {
    this.#wantKey = key => {
      fetcher.wantKey(key)
      term.wake.hint()
    }
    const janitor = new Janitor(term.sessions.read, this.#config, { relay: () => this.#keeper.name, log: this.#log })
    let why: WakeReason = 'checked'
    while (term.isWorking) {
      const { found, fresh, more } = await fetcher.look(why === 'linger')
      if (why === 'poll' && fresh > 0) term.listening?.distrust()
      why = await janitor.meanwhile(term.wake.next(found, more, () => performance.now()))
    }
  }

  #claim(term: Term, intake: Intake): Promise<void> {
    const claimer = new Claimer({
      session: term.sessions.claim,
      sequencer: this.#sequencer,
      holdings: this.#holdings,
      intake,
      bell: this.#bell,
      slots: () => this.#slots(),
      deliver: claim => {
        this.#deliver(claim).catch((error: unknown) =>
          this.#break(new DefectError(`delivering callback ${claim.id}`, error)),
        )
      },
    })
    return claimer.run(() => term.isWorking)
  }

  #record(term: Term): Promise<void> {
    return this.#recorder.run(term.sessions.record, () => term.isOpen)
  }

  #slots(): number {
    if (!this.#lease.isHeld || this.#recorder.pressing > maxUnrecorded) return 0
    return this.#config.concurrency - this.#inFlight.size
  }

  async #deliver(claim: Claim): Promise<void> {
    const name = attemptName(claim.id, claim.attempt)
    this.#inFlight.add(name)
    const outcome = await this.#post(claim, this.#postOptions)
    this.#inFlight.delete(name)
    this.#sequencer.ended(claim.id, originSign(outcome, this.#policy))
    const decision = decide(claim, outcome, this.#policy, Math.random)
    const { id, messageId, attempt, epoch } = claim
    this.#recorder.add({ id, messageId, attempt, epoch, writtenEpoch: epoch, outcome, decision })
    this.#bell.ring()
    this.#report(claim, { outcome, decision })
  }

  readonly #recorded = ({ id, decision }: Attempt): void => {
    const now = performance.now()
    if (decision.status !== 'pending') {
      const key = this.#sequencer.settled(id, now)
      if (key !== null) this.#wantKey(key)
    } else {
      const isKnown = this.#sequencer.knows(id)
      this.#sequencer.later(id, now + decision.retryInMs, now)
      if (!isKnown) this.hint(null)
    }
    this.#bell.ring()
  }

  readonly #overtaken = (attempt: Attempt): void => this.#readAnew('warn', 'attempt_overtaken', attempt)
  readonly #lost = (attempt: Attempt): void => this.#readAnew('error', 'attempt_of_lost_callback', attempt)

  /** The row is not what was sent any more. */
  #readAnew(level: 'warn' | 'error', event: string, { id, messageId, attempt, outcome }: Attempt): void {
    this.#sequencer.settled(id, performance.now())
    this.#log[level](event, { id, message_id: messageId, attempt, outcome: outcome.kind })
    this.hint(null)
  }

  #abortWithoutLease(): void {
    if (this.#inFlight.size > 0 && this.#lease.remainingMs <= 0) this.#origins.abort('lease lost')
  }

  #report(claim: Claim, { outcome, decision }: Pick<Attempt, 'outcome' | 'decision'>): void {
    const level = decision.status === 'delivered' ? 'debug' : decision.status === 'pending' ? 'info' : 'warn'
    if (this.#log.writes(level)) this.#log[level]('attempt', attemptFields(claim, outcome, decision))
  }
}

function attemptName(id: string, attempt: number): string {
  return `${id} ${attempt}`
}
