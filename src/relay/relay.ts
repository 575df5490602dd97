import { Backlog } from '../backlog/backlog.ts'
import { Scopes } from '../backlog/scopes.ts'
import type { RunConfig } from '../config/config.ts'
import type { ConnectionPool } from '../delivery/connection-pool.ts'
import { post } from '../delivery/post.ts'
import { DefectError } from '../errors.ts'
import { isId } from '../ids.ts'
import { attemptFields } from '../log/attempt.ts'
import type { EventName } from '../log/events.ts'
import type { Log } from '../log/log.ts'
import { Lease, systemClocks } from '../membership/lease.ts'
import { Membership, type MembershipEvents } from '../membership/membership.ts'
import { renewalIntervalMs } from '../membership/watch.ts'
import type { Attempt, Claim, ShownRow } from '../model.ts'
import { readSalt } from '../outbox/installed.ts'
import type { Recorded } from '../outbox/record.ts'
import { labelSession } from '../outbox/registration.ts'
import type { Sessions } from '../outbox/sessions.ts'
import { decide, originSign, type RetryPolicy } from '../policy/decision.ts'
import type { Destinations } from '../policy/destinations.ts'
import { leaseCheckMs, maxUnrecorded, stuckClaimMs, summaryMs, surveyMs } from '../policy/tuning.ts'
import { Ahead } from './ahead.ts'
import { AutoResetEvent } from './auto-reset-event.ts'
import { Claimer } from './claimer.ts'
import { ClockWatch } from './clock-watch.ts'
import { DatabaseLink, type Listening } from './database-link.ts'
import { Healer } from './healer.ts'
import { Holds } from './holds.ts'
import { Janitor } from './janitor.ts'
import { meanwhile } from './meanwhile.ts'
import type { Observer, RelayState } from './observer.ts'
import { OriginWatch } from './origin-watch.ts'
import { posting } from './posting.ts'
import { Reader } from './reader.ts'
import { Recorder } from './recorder.ts'
import { Recovery } from './recovery.ts'
import { Refusals } from './refusals.ts'
import { sharedSettings } from './settings.ts'
import { finish, handOver } from './shutdown.ts'
import { Surveyor, Tally } from './surveyor.ts'
import type { WakeReason } from './wake.ts'
import { warmUp } from './warm-up.ts'

/**
 * The relay: reads rows, puts them in order, claims, delivers, records.
 *
 * What is under way (attempts, outcomes, registration, lease) and what waits in memory outlive the connections; a link is the
 * time from connecting until the first connection fails. All connections are replaced together then, and reading begins anew.
 */
export class Relay {
  readonly #config: RunConfig
  #destinations: Destinations
  /** Those that were read last. */
  #wanted: Destinations
  /** Of the database; null: it is not known yet. */
  #salt: string | null = null
  readonly #log: Log
  readonly #pool: ConnectionPool
  readonly #backlog: Backlog
  readonly #scopes: Scopes
  readonly #holds = new Holds()
  readonly #healer: Healer
  readonly #watch: OriginWatch
  readonly #tally = new Tally()
  readonly #observer: Observer | null
  readonly #summaries = { summaryAt: performance.now() }
  readonly #lease: Lease
  readonly #membership: Membership
  readonly #clock: ClockWatch
  readonly #ahead: Ahead
  readonly #claimer: Claimer
  readonly #recorder: Recorder
  /** Set when a slot or a row may have come free. */
  readonly #claimable = new AutoResetEvent()
  #link: DatabaseLink | undefined
  #reader: Reader | undefined
  readonly #policy: RetryPolicy
  readonly #postOptions: ReturnType<typeof posting>
  readonly #post: typeof post
  /** Callbacks whose POST is under way, by id. */
  readonly #inFlight = new Map<string, Claim>()
  /** The claim without an answer at the last renewals, and at how many of them. */
  #unanswered: { readonly since: number | null; readonly renewals: number } = { since: null, renewals: 0 }
  #isStopping = false
  #hasStopped = false
  readonly #watchdog = setInterval(() => this.#abortWithoutLease(), leaseCheckMs)
  #break: (reason: DefectError) => void = () => {}
  /** Rejects with a defect, which ends the relay. */
  readonly #broken = new Promise<never>((_, reject) => {
    this.#break = reject
  })

  /**
   * @param send POSTs one callback and says how it ended, whatever happens.
   * @param observer is told what is done, for metrics; null: nobody asks.
   */
  constructor(config: RunConfig, log: Log, send: typeof post = post, observer: Observer | null = null) {
    this.#observer = observer
    this.#broken.catch(() => {})
    this.#config = config
    this.#destinations = config.destinations
    this.#wanted = config.destinations
    this.#log = log
    this.#post = send
    const settingsOf = (origin: string) => this.#destinations.of(origin)
    this.#policy = {
      baseMs: config.retryBaseMs,
      capMs: config.retryCapMs,
      retryAfterCapMs: config.retryAfterCapMs,
      settingsOf,
    }
    const { concurrency, slowConcurrency } = config
    this.#scopes = new Scopes({ settingsOf, concurrency, slowConcurrency })
    this.#lease = new Lease({ leaseMs: config.leaseMs, marginMs: config.leaseMarginMs }, systemClocks)
    this.#clock = new ClockWatch(log)
    this.#watch = new OriginWatch(log)
    this.#membership = new Membership({
      name: config.name,
      leaseMs: config.leaseMs,
      forces: config.forceSettings,
      lease: this.#lease,
      log,
      state: () => ({ origins: this.#backlog.origins, isStuck: this.#isStuck() }),
      isDone: epoch => this.#isDone(epoch),
    })
    this.#backlog = new Backlog({
      memoryRows: config.memoryRows,
      room: (origin, url) => (this.#holds.isHeld(origin) ? 0 : this.#scopes.room(origin, performance.now(), url)),
      slots: (origin, url, next) => this.#slotsOf(origin, url, performance.now(), next),
      isTroubled: (origin, url) => this.#scopes.isTroubled(origin, url),
      taken: row => this.#scopes.taken(row, performance.now()),
      isMine: this.#membership.isMine,
    })
    this.#healer = new Healer({
      backlog: this.#backlog,
      scopes: this.#scopes,
      epoch: () => this.#membership.epoch,
      isMine: this.#membership.isMine,
      isHeld: origin => this.#holds.isHeld(origin),
      settingsOf,
      retryCapMs: config.retryCapMs,
      freed: () => this.#claimable.set(),
    })
    const deliver = (claim: Claim) => {
      this.#deliver(claim).catch((error: unknown) =>
        this.#break(new DefectError(`delivering callback ${claim.id}`, error)),
      )
    }
    const mayStart = ({ epoch }: Claim) => this.#lease.isHeld && epoch === this.#membership.epoch
    this.#ahead = new Ahead({
      scopes: this.#scopes,
      isPaused: () => this.#recorder.pressing > maxUnrecorded,
      mayStart: claim => !this.#isStopping && mayStart(claim),
      begin: claim => {
        this.#scopes.started(claim, performance.now())
        deliver(claim)
      },
      leaves: () => this.#claimable.set(),
    })
    this.#claimer = new Claimer({
      backlog: this.#backlog,
      scopes: this.#scopes,
      refusals: new Refusals(log, 'callback_refused'),
      claimable: this.#claimable,
      epoch: () => this.#membership.epoch,
      ahead: this.#ahead,
      slots: () => this.#slots(),
      isSent: id => this.#isSent(id),
      deliver,
      released: () => {
        if (this.#reader?.dueAt(performance.now())) this.#link?.wake.hint()
      },
      accounted: () => this.#readWanted(),
    })
    this.#recorder = new Recorder(
      {
        relay: () => config.name,
        epoch: () => this.#membership.epoch,
        log,
        deletes: config.keepDeliveredMs === 0,
        isUrgent: ({ id }) => this.#inFlight.size === 0 || this.#backlog.isAwaited(id),
      },
      { recorded: this.#recorded, repeated: this.#repeated, overtaken: this.#overtaken, lost: this.#lost },
    )
    this.#postOptions = posting(config, {
      settingsOf,
      mayStart,
      database: () => this.#link?.sessions.read.peer ?? null,
    })
    this.#pool = this.#postOptions.pool
  }

  /**
   * One link to the database: works until `stop` has ended, or until a session fails; rejects with why then. While the relay stops, a link is
   * for recording alone.
   *
   * @param listening how inserts reach us; null: they do not notify (`migrate --wake poll`).
   * @param works is called whenever the lease has been renewed while everything else goes on.
   */
  async serve(sessions: Sessions, listening: Listening | null, works: () => void = () => {}): Promise<void> {
    if (this.#hasStopped || (this.#isStopping && this.unsettled === 0)) return sessions.destroy()
    const link = new DatabaseLink(sessions, listening, this.#config)
    this.#link = link
    if (this.#isStopping) link.stopWork()
    let loops: Promise<void>[] = []
    try {
      const recovery = this.#recovery(link)
      const events = this.#events(recovery, works)
      const salt = await readSalt(sessions.keep)
      // Said once: to say the same again with each connection would renew the connections of all receivers.
      if (salt !== this.#salt) {
        this.#salt = salt
        this.#announceSettings()
      }
      // Before it takes an origin, whose callbacks would wait for this.
      await warmUp(sessions, this.#config.keepDeliveredMs === 0)
      await this.#membership.join(sessions.keep, events)
      await this.#bearEpoch(link)
      loops = [
        this.#keep(link, events),
        this.#claim(link),
        this.#read(link, this.#newReader(link, recovery)),
        this.#record(link),
      ]
      await Promise.race([sessions.failure(), this.#broken, Promise.all(loops)])
    } finally {
      link.end()
      this.#reader = undefined
      this.#claimable.set()
      this.#recorder.nudge()
      sessions.destroy()
      await Promise.allSettled(loops)
      this.#backlog.endRead()
    }
  }

  /**
   * A notification: look for rows. What is said in it is a hint, since any role may send anything. One of our own (waking, we
   * announce that to the others) is no reason to look.
   */
  hint(from: number | null, payload = ''): void {
    const [link, reader] = [this.#link, this.#reader]
    if (!link || !reader) return
    const isOwn = from !== null && link.sessions.pids.includes(from)
    if (from !== null && !isOwn) link.doubt.heard()
    const [, retried = ''] = /^retry (.*)$/.exec(payload) ?? []
    if (payload === 'hold') reader.holdsChanged()
    else if (isId(retried)) this.#healer.retry(retried)
    else if (isOwn) return
    else if (payload === 'sweep') this.#backlog.wantSweep()
    else if (isId(payload)) this.#backlog.hinted(payload)
    reader.hinted()
    link.wake.hint()
  }

  /**
   * Other settings were read. It goes by them once most of the relays want them, alone at once: what starts then; what is being
   * sent ends as it began.
   */
  adopt(destinations: Destinations): void {
    this.#wanted = destinations
    // Nobody has heard yet which settings it goes by.
    if (this.#salt === null) this.#destinations = destinations
    this.#announceSettings()
    this.#link?.renewSoon.set()
  }

  #announceSettings(): void {
    if (this.#salt !== null) this.#membership.wants(sharedSettings(this.#config, this.#wanted, this.#salt))
  }

  #change(): void {
    this.#destinations = this.#wanted
    this.#pool.renew()
    for (const origin of this.#scopes.reconfigure()) this.#backlog.freed(origin)
    this.#claimable.set()
  }

  /** Claims, POSTs and outcomes that are not written down yet; while there are any, a relay that stops still needs the database. */
  get unsettled(): number {
    return this.#ahead.size + this.#inFlight.size + this.#recorder.backlog
  }

  /** How it stands now. It looks at every origin, so it is for people and scrapes. */
  get state(): RelayState {
    return {
      inFlight: this.#inFlight.size,
      unrecorded: this.#recorder.backlog,
      memoryRows: this.#backlog.size,
      origins: this.#backlog.origins,
      failingOrigins: this.#watch.failing.length,
      restingOrigins: this.#scopes.restingCount(performance.now()),
      connections: this.#pool.connections,
      isConnected: this.#link?.isOpen === true,
      isRegistered: this.#membership.epoch !== '' && this.#lease.isHeld,
      isStopping: this.#isStopping,
      leaseRemainingMs: this.#lease.remainingMs,
      standby: this.#membership.standby,
    }
  }

  /** Callbacks that it has delivered since it began. */
  get delivered(): number {
    return this.#tally.delivered
  }

  /** Origins and URLs whose breakers have opened, by the names that `readLeft` takes. */
  get broken(): string[] {
    return this.#scopes.broken
  }

  isResting(origin: string): boolean {
    return this.#scopes.isResting(origin, performance.now())
  }

  isFailing(origin: string): boolean {
    return this.#watch.isFailing(origin)
  }

  /**
   * Ends in order; the others go on with its origins. `serve` resolves when all is done.
   *
   * @returns how many attempts could not be recorded.
   */
  async stop(): Promise<number> {
    this.#isStopping = true
    this.#log.info('stopping', { in_flight: this.#inFlight.size, grace_ms: this.#config.graceMs })
    this.#membership.stop()
    this.#ahead.giveUp(() => true)
    this.#link?.stopWork()
    this.#claimable.set()
    const work = () => ({
      inFlight: this.#inFlight.size,
      isClaiming: this.#claimer.claimingSince !== null,
      unrecorded: this.#ahead.size + this.#recorder.backlog,
    })
    await finish(work, this.#pool, this.#config.graceMs)
    this.#hasStopped = true
    const attempts = this.#recorder.backlog
    if (attempts > 0) this.#log.error('stopped_unrecorded', { attempts })
    await handOver(this.#link, this.#membership, this.#log)
    await this.#pool.close()
    clearInterval(this.#watchdog)
    this.#recorder.nudge()
    return attempts
  }

  /** Ends without any order: what is in flight is cut off, and is found as after a crash. */
  async abandon(): Promise<void> {
    this.#pool.abort('the relay has failed')
    await this.#pool.close()
    clearInterval(this.#watchdog)
  }

  #recovery({ sessions }: DatabaseLink): Recovery {
    return new Recovery({
      session: sessions.read,
      recorder: this.#recorder,
      policy: this.#policy,
      epoch: () => this.#membership.epoch,
      isUnderWay: ({ id, epoch }) => this.#isSent(id) || this.#claimer.isInDoubtOf(id, epoch),
    })
  }

  #newReader({ sessions }: DatabaseLink, recovery: Recovery): Reader {
    const epoch = () => this.#membership.epoch
    const [backlog, scopes, holds, ahead, claimable] = [
      this.#backlog,
      this.#scopes,
      this.#holds,
      this.#ahead,
      this.#claimable,
    ]
    this.#reader = new Reader({
      session: sessions.read,
      backlog,
      scopes,
      holds,
      healer: this.#healer,
      ahead,
      recovery,
      epoch,
      claimable,
      expired: this.#expired,
    })
    return this.#reader
  }

  #events(recovery: Recovery, works: () => void): MembershipEvents {
    return {
      agreed: () => this.#change(),
      divided: () => {
        this.#backlog.setView(this.#membership.isMine)
        this.#watch.keep(this.#membership.isMine)
        this.#ahead.giveUp(origin => !this.#membership.isMine(origin))
        this.#lookSoon()
      },
      buried: () => {
        recovery.want()
        this.#backlog.wantSweep()
        this.#lookSoon()
      },
      renewed: (sent, databaseMs) => {
        const since = this.#claimer.claimingSince
        this.#unanswered = { since, renewals: since === this.#unanswered.since ? this.#unanswered.renewals + 1 : 1 }
        this.#clock.see(sent.wall, databaseMs, this.#lease.moment.wall)
        works()
      },
    }
  }

  /** Whoever buries this relay must find the sessions that claim under its registration. */
  async #bearEpoch({ sessions }: DatabaseLink): Promise<void> {
    const [{ epoch }, { name }] = [this.#membership, this.#config]
    await Promise.all([
      labelSession(sessions.claim, 'claim', epoch, name),
      labelSession(sessions.read, 'read', epoch, name),
    ])
  }

  async #keep(link: DatabaseLink, events: MembershipEvents): Promise<void> {
    const everyMs = renewalIntervalMs(this.#config.leaseMs)
    let nextAt = performance.now() + everyMs
    while (link.isOpen && !this.#hasStopped) {
      await link.renewSoon.wait(Math.max(1, nextAt - performance.now()))
      if (!link.isOpen || this.#hasStopped) return
      nextAt = performance.now() + everyMs
      const { epoch } = this.#membership
      await this.#membership.keep(link.sessions.keep, events)
      if (this.#membership.epoch !== epoch) await this.#bearEpoch(link)
      this.#claimable.set()
    }
  }

  async #read(link: DatabaseLink, reader: Reader): Promise<void> {
    const janitor = new Janitor(link.sessions.read, this.#config, { relay: () => this.#config.name, log: this.#log })
    const chores = [janitor, this.#newSurveyor(link)] as const
    let why: WakeReason = 'checked'
    while (link.isWorking) {
      if (why !== 'hint' && why !== 'alarm') reader.hinted()
      const isAnnounced = why === 'hint' || why === 'checked' || !link.wake.expectsHints
      const look = await reader.look(why === 'linger')
      if (!isAnnounced && look.fresh > 0 && link.doubt.found()) link.listening?.distrust()
      why = await meanwhile(
        link.wake.next(look, () => performance.now()),
        chores,
      )
    }
  }

  #newSurveyor({ sessions }: DatabaseLink): Surveyor {
    return new Surveyor({
      session: sessions.read,
      epoch: () => this.#membership.epoch,
      log: this.#log,
      tally: this.#tally,
      failing: () => this.#watch.failing.length,
      everyMs: this.#observer ? surveyMs : summaryMs,
      clock: this.#summaries,
      surveyed: survey => this.#observer?.surveyed(survey),
    })
  }

  #claim(link: DatabaseLink): Promise<void> {
    return this.#claimer.run(link.sessions.claim, () => link.isWorking)
  }

  #record(link: DatabaseLink): Promise<void> {
    return this.#recorder.run(link.sessions.record, () => link.isOpen)
  }

  #slots(): { readonly free: number; readonly ahead: number } {
    const mayClaim = !this.#isStopping && this.#membership.mayClaim(performance.now())
    if (!mayClaim || this.#recorder.pressing > maxUnrecorded) return { free: 0, ahead: 0 }
    return { free: this.#scopes.free, ahead: this.#scopes.freeAhead }
  }

  #slotsOf(origin: string, urlHash: number | null, now: number, next?: ShownRow): number {
    const claimableAt = this.#membership.claimableAt(origin)
    if (claimableAt <= now) return this.#scopes.slots(origin, now, urlHash, next !== undefined && this.#mayWait(next))
    this.#scopes.rest(origin, claimableAt)
    return 0
  }

  /** If this process dies before it begins, the row is as if it had been sent: then that must not be the end of it. */
  #mayWait({ origin, tried, maxAttempts }: ShownRow): boolean {
    const settings = this.#destinations.of(origin)
    return settings.unknown !== 'hold' && tried + 1 < (maxAttempts ?? settings.maxAttempts)
  }

  async #deliver(claim: Claim): Promise<void> {
    this.#inFlight.set(claim.id, claim)
    this.#scopes.sent(claim.id, performance.now())
    const outcome = await this.#post(claim, this.#postOptions)
    this.#inFlight.delete(claim.id)
    const sign = originSign(outcome, this.#policy)
    const now = performance.now()
    this.#scopes.ended(claim.id, sign, now)
    if (this.#scopes.hasOutages) this.#link?.wake.hint()
    if (!this.#scopes.isWell(claim.origin, now)) this.#ahead.giveUp(origin => origin === claim.origin)
    this.#ahead.freed(claim.origin, now)
    this.#backlog.freed(claim.origin)
    const decision = decide(claim, outcome, this.#policy, Math.random)
    const { id, messageId, attempt, epoch, rev } = claim
    this.#recorder.add({ id, messageId, attempt, epoch, rev, writtenEpoch: epoch, outcome, decision })
    this.#claimable.set()
    this.#watch.see(claim.origin, sign, outcome, Date.now())
    this.#tally.attempted(outcome, decision)
    this.#observer?.attempted(claim, outcome, decision)
    this.#report(claim, { outcome, decision })
  }

  readonly #expired = (ids: readonly string[]): void => {
    this.#tally.ended(ids.length)
    this.#observer?.expired(ids.length)
    this.#log.warn('expired', { callbacks: ids.length, id: ids[0] })
  }

  readonly #recorded = ({ id, decision }: Attempt, { orderingKey, next }: Recorded): void => {
    if (decision.status === 'pending') {
      this.#backlog.ended(id, 'back', null)
      if (this.#reader?.dueAt(performance.now() + decision.retryInMs)) this.#link?.wake.hint()
    } else this.#backlog.settled(id, orderingKey, next)
    this.#claimable.set()
    this.#readWanted()
  }

  /** What it has become is known, and not who is first in its key now. */
  readonly #repeated = ({ id }: Attempt): void => {
    this.#backlog.ended(id, 'unknown', null)
    this.#readWanted()
    this.#claimable.set()
  }

  readonly #overtaken = (attempt: Attempt): void => this.#readAnew('warn', 'attempt_overtaken', attempt)
  readonly #lost = (attempt: Attempt): void => this.#readAnew('error', 'attempt_of_lost_callback', attempt)

  /** The row is not what was sent any more. */
  #readAnew(level: 'warn' | 'error', event: EventName, { id, messageId, attempt, outcome }: Attempt): void {
    this.#backlog.ended(id, 'unknown', null)
    this.#log[level](event, { id, message_id: messageId, attempt, outcome: outcome.kind })
    this.#lookSoon()
  }

  /** Something new may be there. */
  #lookSoon(): void {
    this.#reader?.hinted()
    this.#link?.wake.hint()
    this.#claimable.set()
  }

  /** Memory has room for what is known to be in the table, or wants to know who is first of a key. */
  #readWanted(): void {
    if (this.#backlog.wantsPulls || this.#backlog.wantsAnswers) this.#link?.wake.hint()
  }

  /** Renewals are answered, and a claim is not: by itself that tells a locked row from a database that stands still. */
  #isStuck(): boolean {
    const { since, renewals } = this.#unanswered
    return (
      since !== null &&
      since === this.#claimer.claimingSince &&
      renewals > 1 &&
      performance.now() - since > stuckClaimMs
    )
  }

  /** It is claimed, its POST under way, or the outcome on its way into the record. */
  #isSent(id: string): boolean {
    return this.#ahead.has(id) || this.#inFlight.has(id) || this.#recorder.holds(id)
  }

  #isDone(epoch: string): boolean {
    if (this.#claimer.isInDoubt(epoch) || this.#ahead.holdsEpoch(epoch) || this.#recorder.holdsEpoch(epoch))
      return false
    for (const claim of this.#inFlight.values()) if (claim.epoch === epoch) return false
    return true
  }

  #abortWithoutLease(): void {
    if (!this.#lease.isHeld) this.#ahead.giveUp(() => true)
    if (this.#inFlight.size > 0 && this.#lease.remainingMs <= 0) this.#pool.abort('lease lost')
  }

  #report(claim: Claim, { outcome, decision }: Pick<Attempt, 'outcome' | 'decision'>): void {
    const level = decision.status === 'delivered' ? 'debug' : decision.status === 'pending' ? 'info' : 'warn'
    if (this.#log.writes(level)) this.#log[level]('attempt', attemptFields(this.#config.name, claim, outcome, decision))
    if (decision.status === 'dead' && decision.holdsUrl)
      this.#log.warn('url_held', { id: claim.id, origin: claim.origin, error: outcome.error })
  }
}
