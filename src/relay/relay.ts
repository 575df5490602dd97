import { Backlog } from '../backlog/backlog.ts'
import { Scopes } from '../backlog/scopes.ts'
import type { RunConfig } from '../config/config.ts'
import type { ConnectionPool } from '../delivery/connection-pool.ts'
import { post } from '../delivery/post.ts'
import { isId } from '../ids.ts'
import type { Log } from '../log/log.ts'
import { Lease, systemClocks } from '../membership/lease.ts'
import { Membership, type MembershipEvents } from '../membership/membership.ts'
import { renewalIntervalMs } from '../membership/watch.ts'
import type { Claim, ShownRow } from '../model.ts'
import { readSalt } from '../outbox/installed.ts'
import { labelSession } from '../outbox/registration.ts'
import type { Sessions } from '../outbox/sessions.ts'
import type { RetryPolicy } from '../policy/decision.ts'
import type { Destinations } from '../policy/destinations.ts'
import { leaseCheckMs, summaryMs, surveyMs } from '../policy/tuning.ts'
import { Agenda } from './agenda.ts'
import { Attempts } from './attempts.ts'
import { AutoResetEvent } from './auto-reset-event.ts'
import { Background } from './background.ts'
import { Claimer } from './claimer.ts'
import { ClockWatch } from './clock-watch.ts'
import { DatabaseLink, type Listening } from './database-link.ts'
import { Healer } from './healer.ts'
import { Holds } from './holds.ts'
import { Janitor } from './janitor.ts'
import { meanwhile } from './meanwhile.ts'
import type { Observer, RelayState } from './observer.ts'
import { postOptionsOf } from './post-options.ts'
import { Reader } from './reader.ts'
import { Recovery } from './recovery.ts'
import { Refusals } from './refusals.ts'
import { Report } from './report.ts'
import { RelayDestinations } from './settings.ts'
import { finish, handOver } from './shutdown.ts'
import { StuckClaim } from './stuck-claim.ts'
import { Surveyor } from './surveyor.ts'
import type { WakeReason } from './wake.ts'
import { warmUp } from './warm-up.ts'

/**
 * The relay: reads rows, orders them, claims, delivers, records. All parts but a *link* outlive the connections: when
 * one connection fails, all are replaced together by a new link, and reading begins anew.
 */
export class Relay {
  readonly #config: RunConfig
  readonly #log: Log
  readonly #destinations: RelayDestinations
  readonly #lease: Lease
  readonly #membership: Membership
  /** It does not stand by: its settings are those of most relays. */
  readonly #agrees = (): boolean => this.#membership.standby === null
  readonly #clock: ClockWatch
  readonly #scopes: Scopes
  readonly #backlog: Backlog
  readonly #holds = new Holds()
  readonly #pool: ConnectionPool
  readonly #report: Report
  readonly #summaries = { summaryAt: performance.now() }
  readonly #attempts: Attempts
  readonly #claimer: Claimer
  readonly #recovery: Recovery
  readonly #healer: Healer
  readonly #unexpired: Refusals
  readonly #stuck = new StuckClaim(() => this.#claimer.claimingSince)
  readonly #agenda = new Agenda()
  /** Set when a slot or a row may have come free. */
  readonly #claimable = new AutoResetEvent()
  /** Set when the lease must be renewed early. */
  readonly #renewable = new AutoResetEvent()
  /** Set when work has ended that a stop waits for. */
  readonly #progress = new AutoResetEvent()
  #link: DatabaseLink | undefined
  #serving: Promise<void> | undefined
  #isStopping = false
  #hasStopped = false
  readonly #watchdog = setInterval(() => this.#abortWithoutLease(), leaseCheckMs)

  /**
   * @param send POSTs one callback and returns its outcome.
   * @param observer for metrics; null: there are none.
   */
  constructor(config: RunConfig, log: Log, send: typeof post = post, observer: Observer | null = null) {
    this.#config = config
    this.#log = log
    this.#destinations = new RelayDestinations(config, settings => this.#membership.wants(settings))
    const settingsOf = this.#destinations.of
    const { name, leaseMs, leaseMarginMs, concurrency, slowConcurrency, retryBaseMs, retryCapMs, retryAfterCapMs } =
      config
    const policy: RetryPolicy = { baseMs: retryBaseMs, capMs: retryCapMs, retryAfterCapMs, settingsOf }
    this.#lease = new Lease({ leaseMs, marginMs: leaseMarginMs }, systemClocks)
    this.#clock = new ClockWatch(log)
    this.#report = new Report(name, log, observer)
    this.#scopes = new Scopes({ settingsOf, concurrency, slowConcurrency })
    this.#membership = new Membership({
      name,
      leaseMs,
      forces: config.forceSettings,
      lease: this.#lease,
      log,
      state: () => ({ origins: this.#backlog.origins, isStuck: this.#stuck.isStuck(performance.now()) }),
      isDone: epoch => !this.#claimer.isInDoubt(epoch) && !this.#attempts.hasOf(epoch),
      events: this.#changes,
    })
    const { isMine } = this.#membership
    this.#backlog = new Backlog({
      memoryRows: config.memoryRows,
      room: (origin, url) => (this.#holds.isHeld(origin) ? 0 : this.#scopes.room(origin, performance.now(), url)),
      slots: (origin, url, next) => this.#slotsOf(origin, url, performance.now(), next),
      isTroubled: (origin, url) => this.#scopes.isTroubled(origin, url),
      taken: row => this.#scopes.taken(row, performance.now()),
      isMine,
    })
    const epoch = () => this.#membership.epoch
    const mayStart = (claim: Claim) => this.#lease.isHeld && claim.epoch === epoch()
    const database = () => this.#link?.sessions.read.peer ?? null
    const postOptions = postOptionsOf(config, { settingsOf, mayStart, database })
    this.#pool = postOptions.pool
    const common = {
      backlog: this.#backlog,
      scopes: this.#scopes,
      claimable: this.#claimable,
      progress: this.#progress,
      epoch,
    }
    this.#attempts = new Attempts({
      ...common,
      relay: name,
      log,
      agenda: this.#agenda,
      policy,
      report: this.#report,
      deletes: config.keepDeliveredMs === 0,
      post: claim => send(claim, postOptions),
      mayStart,
    })
    this.#claimer = new Claimer({
      ...common,
      attempts: this.#attempts,
      refusals: this.#refusals(),
      agenda: this.#agenda,
      slots: () => this.#slots(),
      isAlone: () => this.#membership.isAlone,
    })
    this.#recovery = new Recovery({
      recorder: this.#attempts.recorder,
      unreleased: this.#refusals(),
      policy,
      epoch,
      mayJudge: this.#agrees,
      isUnderWay: orphan => this.#attempts.has(orphan.id) || this.#claimer.isInDoubtOf(orphan.id, orphan.epoch),
      lostReads: () => this.#claimer.lostReads,
    })
    const isHeld = (origin: string) => this.#holds.isHeld(origin)
    const unforwarded = this.#refusals()
    const freed = this.#claimable.set
    this.#healer = new Healer({ ...common, unforwarded, isMine, isHeld, settingsOf, retryCapMs, freed })
    this.#unexpired = this.#refusals()
  }

  /** Each kind of statement has its own: what one refuses, another may accept. */
  #refusals(): Refusals {
    return new Refusals(this.#log, 'callback_refused')
  }

  /**
   * Works over one link until `stop` has ended, or until a session fails: then it rejects with the reason.
   *
   * @param listening null: inserts do not notify (`migrate --wake poll`).
   * @param works is called whenever the lease has been renewed.
   */
  async serve(sessions: Sessions, listening: Listening | null, works: () => void = () => {}): Promise<void> {
    if (this.#hasStopped || (this.#isStopping && this.unsettled === 0)) return sessions.destroy()
    this.#link = new DatabaseLink(sessions, listening, this.#agenda, this.#config)
    this.#serving = this.#serve(this.#link, works)
    return this.#serving
  }

  async #serve(link: DatabaseLink, works: () => void): Promise<void> {
    const { sessions } = link
    if (this.#isStopping) link.stopWork()
    let loops: Promise<void>[] = []
    try {
      await this.#join(link)
      loops = [this.#keep(link, works), this.#read(link), this.#claim(link), this.#record(link)]
      await Promise.race([sessions.failure(), this.#attempts.failure, Promise.all(loops)])
      await handOver(link, this.#membership, this.#log)
    } finally {
      link.end()
      sessions.destroy()
      await Promise.allSettled(loops)
      this.#backlog.endRead()
    }
  }

  async #join(link: DatabaseLink): Promise<void> {
    const { sessions } = link
    this.#destinations.connected(await readSalt(sessions.keep))
    // Before this relay takes origins, whose callbacks would wait for it.
    await warmUp(sessions, this.#config.keepDeliveredMs === 0)
    // While it had no connection, registrations may have gone. At the start nothing is urgent but the claims of those that
    // this relay buries itself.
    if (this.#membership.epoch !== '') this.#recovery.want()
    await this.#membership.join(sessions.keep)
    await this.#label(link)
  }

  /** Puts the epoch into the names of the sessions that claim: a relay that buries this one ends them. */
  async #label({ sessions }: DatabaseLink): Promise<void> {
    const [{ epoch }, { name }] = [this.#membership, this.#config]
    await Promise.all([
      labelSession(sessions.claim, 'claim', epoch, name),
      labelSession(sessions.read, 'read', epoch, name),
    ])
  }

  /** Renews the registration, and learns about the other relays. */
  async #keep(link: DatabaseLink, works: () => void): Promise<void> {
    this.#renewable.setBy(link.ended)
    const everyMs = renewalIntervalMs(this.#config.leaseMs)
    let nextAt = performance.now() + everyMs
    while (true) {
      await this.#renewable.wait(Math.max(1, nextAt - performance.now()))
      if (link.ended.aborted) return
      nextAt = performance.now() + everyMs
      const { epoch } = this.#membership
      await this.#membership.keep(link.sessions.keep)
      if (this.#membership.epoch !== epoch) await this.#label(link)
      this.#claimable.set()
      works()
    }
  }

  /** Reads rows into memory. */
  async #read({ sessions, stopped, wake, doubt, listening }: DatabaseLink): Promise<void> {
    const background = new Background(sessions.read, this.#log)
    const reader = this.#newReader(sessions, background)
    const chores = [this.#newJanitor(sessions), this.#newSurveyor(sessions, background)] as const
    let why: WakeReason = 'checked'
    while (!stopped.aborted) {
      if (why !== 'hint' && why !== 'alarm') this.#agenda.isNewWanted = true
      const isAnnounced = why === 'hint' || why === 'checked' || !wake.expectsHints
      const look = await reader.look(why === 'linger')
      if (!isAnnounced && look.fresh > 0 && doubt.found()) listening?.distrust()
      const waiting = wake.next(look, () => performance.now())
      why = await meanwhile(waiting, chores)
    }
  }

  /** Claims rows in memory that receivers can take. */
  #claim({ sessions, stopped }: DatabaseLink): Promise<void> {
    return this.#claimer.run(sessions.claim, stopped)
  }

  /** Records outcomes. */
  #record({ sessions, ended }: DatabaseLink): Promise<void> {
    return this.#attempts.recorder.run(sessions.record, ended)
  }

  /**
   * Called at a notification: looks for rows. The payload is only a hint, since any role may send one. The relay's own
   * notification, by which it tells the others that it woke, is no reason to look.
   */
  hint(from: number | null, payload = ''): void {
    const link = this.#link
    if (!link || link.stopped.aborted) return
    const isOwn = from !== null && link.sessions.pids.includes(from)
    if (from !== null && !isOwn) link.doubt.heard()
    const [, retried = ''] = /^retry (.*)$/.exec(payload) ?? []
    if (payload === 'hold') this.#agenda.areHoldsWanted = true
    else if (isId(retried)) this.#healer.retry(retried)
    else if (isOwn) return
    else if (payload === 'sweep') this.#backlog.wantSweep()
    else if (payload === 'crowd') link.wake.crowd()
    else if (isId(payload)) this.#backlog.hinted(payload)
    this.#agenda.lookForNew()
  }

  /**
   * Gives new settings. The relay uses them once most of the relays want them; a single relay at once. Attempts under
   * way end with the old ones.
   */
  adopt(destinations: Destinations): void {
    if (this.#destinations.give(destinations)) this.#log.info('config_applied')
    this.#renewable.set()
  }

  /**
   * Stops in order. The other relays take over its origins.
   *
   * @returns how many attempts could not be recorded.
   */
  async stop(): Promise<number> {
    this.#isStopping = true
    const { graceMs } = this.#config
    this.#log.info('stopping', { in_flight: this.#attempts.inFlight, grace_ms: graceMs })
    this.#membership.stop()
    this.#attempts.stop()
    this.#link?.stopWork()
    const work = () => ({
      inFlight: this.#attempts.inFlight,
      isClaiming: this.#claimer.claimingSince !== null,
      unrecorded: this.#attempts.size - this.#attempts.inFlight,
    })
    await finish(work, this.#progress, this.#pool, graceMs)
    this.#hasStopped = true
    const attempts = this.#attempts.recorder.backlog
    if (attempts > 0) this.#log.error('stopped_unrecorded', { attempts })
    this.#link?.end()
    // The caller of `serve` gets the error.
    await this.#serving?.catch(() => {})
    await this.#pool.close()
    clearInterval(this.#watchdog)
    return attempts
  }

  /** Ends at once: POSTs are cut off. Another relay finds their callbacks as after a crash. */
  async abandon(): Promise<void> {
    this.#pool.abort('the relay has failed')
    await this.#pool.close()
    clearInterval(this.#watchdog)
  }

  /**
   * How many claims wait, POSTs are on the wire, and outcomes are not recorded. A stopping relay needs the database for
   * them.
   */
  get unsettled(): number {
    return this.#attempts.size
  }

  /** The relay's state. It walks over every origin, so it is for people and scrapes. */
  get state(): RelayState {
    const resting = this.#scopes.resting(performance.now())
    return {
      inFlight: this.#attempts.inFlight,
      unrecorded: this.#attempts.recorder.backlog,
      memoryRows: this.#backlog.size,
      origins: this.#backlog.origins,
      failingOrigins: this.#report.watch.failing.length,
      restingOrigins: resting.origins,
      apartUrls: this.#backlog.apartUrls,
      restingUrls: resting.urls,
      connections: this.#pool.connections,
      isConnected: this.#link?.ended.aborted === false,
      isRegistered: this.#membership.epoch !== '' && this.#lease.isHeld,
      isStopping: this.#isStopping,
      leaseRemainingMs: this.#lease.remainingMs,
      standby: this.#membership.standby,
    }
  }

  /** How many callbacks this relay has delivered since it began. */
  get delivered(): number {
    return this.#report.tally.delivered
  }

  /** Origins and URLs whose breakers are open, under the names that `readLeft` takes. */
  get broken(): string[] {
    return this.#scopes.broken
  }

  isBroken(origin: string): boolean {
    return this.#scopes.isBroken(origin)
  }

  isFailing(origin: string): boolean {
    return this.#report.watch.isFailing(origin)
  }

  /** What changes when this relay learns about the others. */
  readonly #changes: MembershipEvents = {
    agreed: () => {
      this.#destinations.agreed()
      this.#log.info('config_applied')
      this.#pool.renew()
      for (const origin of this.#scopes.reconfigure()) this.#backlog.freed(origin)
      this.#claimable.set()
    },
    divided: () => {
      const { isMine } = this.#membership
      this.#backlog.setView(isMine)
      this.#report.watch.keep(isMine)
      this.#attempts.ahead.giveUp(origin => !isMine(origin))
      this.#healer.gained()
      this.#lookForNew()
    },
    buried: () => {
      this.#recovery.want()
      this.#backlog.wantSweep()
      this.#lookForNew()
    },
    renewed: (sent, databaseMs) => {
      this.#stuck.renewed()
      this.#clock.see(sent.wall, databaseMs, this.#lease.moment.wall)
    },
  }

  #lookForNew(): void {
    this.#agenda.lookForNew()
    this.#claimable.set()
  }

  #newReader({ read }: Sessions, background: Background): Reader {
    return new Reader({
      session: read,
      background,
      backlog: this.#backlog,
      scopes: this.#scopes,
      holds: this.#holds,
      healer: this.#healer,
      ahead: this.#attempts.ahead,
      claimer: this.#claimer,
      recovery: this.#recovery,
      agenda: this.#agenda,
      unexpired: this.#unexpired,
      epoch: () => this.#membership.epoch,
      claimable: this.#claimable,
      expired: this.#report.expired,
    })
  }

  #newJanitor({ read }: Sessions): Janitor {
    const relay = () => this.#config.name
    return new Janitor(read, this.#config, { relay, log: this.#log, mayDelete: this.#agrees })
  }

  #newSurveyor({ read }: Sessions, background: Background): Surveyor {
    const { watch, tally, observer } = this.#report
    return new Surveyor({
      session: read,
      background,
      epoch: () => this.#membership.epoch,
      log: this.#log,
      tally,
      failing: () => watch.failing.length,
      everyMs: observer ? surveyMs : summaryMs,
      clock: this.#summaries,
      surveyed: survey => observer?.surveyed(survey),
    })
  }

  #slots(): { readonly free: number; readonly ahead: number } {
    const mayClaim = !this.#isStopping && this.#membership.mayClaim(performance.now())
    if (!mayClaim || this.#attempts.isPressed) return { free: 0, ahead: 0 }
    return { free: this.#scopes.free, ahead: this.#scopes.freeAhead }
  }

  #slotsOf(origin: string, url: number | null, now: number, next?: ShownRow): number {
    const claimableAt = this.#membership.claimableAt(origin)
    if (claimableAt <= now) return this.#scopes.slots(origin, now, url, next === undefined || this.#mayWait(next))
    this.#scopes.rest(origin, claimableAt)
    return 0
  }

  /**
   * Whether a row may be claimed ahead. If the process dies before the POST, the attempt counts as sent; that must not
   * kill the row.
   */
  #mayWait({ origin, tried, maxAttempts }: ShownRow): boolean {
    const settings = this.#destinations.of(origin)
    return settings.unknown !== 'hold' && tried + 1 < (maxAttempts ?? settings.maxAttempts)
  }

  #abortWithoutLease(): void {
    if (!this.#lease.isHeld) this.#attempts.ahead.giveUp(() => true)
    if (this.#attempts.inFlight > 0 && this.#lease.remainingMs <= 0) this.#pool.abort('lease lost')
  }
}
