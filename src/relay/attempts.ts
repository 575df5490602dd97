import type { Backlog } from '../backlog/backlog.ts'
import type { Scopes } from '../backlog/scopes.ts'
import { DefectError } from '../errors.ts'
import type { EventName } from '../log/events.ts'
import type { Log } from '../log/log.ts'
import type { Attempt, Claim, Outcome } from '../model.ts'
import type { Recorded } from '../outbox/record.ts'
import { decide, originSign, type RetryPolicy } from '../policy/decision.ts'
import { maxUnrecorded } from '../policy/tuning.ts'
import type { Agenda } from './agenda.ts'
import { Ahead } from './ahead.ts'
import type { AutoResetEvent } from './auto-reset-event.ts'
import { Recorder } from './recorder.ts'
import type { Report } from './report.ts'

export interface AttemptsParts {
  /** The relay's name. */
  readonly relay: string
  readonly epoch: () => string
  readonly log: Log
  readonly backlog: Backlog
  readonly scopes: Scopes
  readonly agenda: Agenda
  readonly policy: RetryPolicy
  readonly report: Report
  /** Whether delivered rows are deleted as they are recorded. */
  readonly deletes: boolean
  /** POSTs one callback and returns its outcome. Never rejects, but for a defect. */
  readonly post: (claim: Claim) => Promise<Outcome>
  /** Whether the lease is held and the claim is of the present registration. */
  readonly mayStart: (claim: Claim) => boolean
  /** Set when a slot or a row may have come free. */
  readonly claimable: AutoResetEvent
  /** Set when a POST has ended or an outcome is committed. */
  readonly progress: AutoResetEvent
}

/**
 * The attempts of this relay, from claim to record: those that wait for slots, those on the wire, and those to be
 * recorded.
 */
export class Attempts {
  /** Claims that wait for their slots. */
  readonly ahead: Ahead
  /** Outcomes that are not recorded yet. */
  readonly recorder: Recorder
  readonly #parts: AttemptsParts
  /** Callbacks whose POST is under way, by id. */
  readonly #inFlight = new Map<string, Claim>()
  #isStopping = false
  #fail: (reason: DefectError) => void = () => {}
  /** Rejects with a defect, which ends the relay. */
  readonly failure = new Promise<never>((_, reject) => {
    this.#fail = reject
  })

  constructor(parts: AttemptsParts) {
    this.#parts = parts
    const { relay, epoch, log, deletes, backlog, scopes, claimable } = parts
    this.failure.catch(() => {})
    this.ahead = new Ahead({
      scopes,
      isPaused: () => this.isPressed,
      mayStart: claim => !this.#isStopping && parts.mayStart(claim),
      begin: claim => {
        scopes.started(claim, performance.now())
        this.start(claim)
      },
      leaves: claimable.set,
    })
    const isUrgent = ({ id }: Attempt) => this.#inFlight.size === 0 || backlog.isAwaited(id)
    const isBusy = () => this.ahead.size > 0
    this.recorder = new Recorder({ relay: () => relay, epoch, log, deletes, isUrgent, isBusy }, this)
  }

  /** How many POSTs are on the wire. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  /** How many claims wait, POSTs are on the wire, and outcomes are not recorded. */
  get size(): number {
    return this.ahead.size + this.#inFlight.size + this.recorder.backlog
  }

  /** Whether so many outcomes wait for their record that no attempt may start. */
  get isPressed(): boolean {
    return this.recorder.pressing > maxUnrecorded
  }

  /** Whether the callback is claimed, on the wire, or waits for its record. */
  has(id: string): boolean {
    return this.ahead.has(id) || this.#inFlight.has(id) || this.recorder.holds(id)
  }

  /** Whether there is an attempt that was claimed under this epoch. */
  hasOf(epoch: string): boolean {
    const isInFlight = [...this.#inFlight.values()].some(claim => claim.epoch === epoch)
    return isInFlight || this.ahead.holdsEpoch(epoch) || this.recorder.holdsEpoch(epoch)
  }

  /** Lets no further attempt begin. */
  stop(): void {
    this.#isStopping = true
    this.ahead.giveUp(() => true)
  }

  /** Starts the attempt. The claim has its slot. */
  start(claim: Claim): void {
    this.#attempt(claim).catch((error: unknown) =>
      this.#fail(new DefectError(`delivering callback ${claim.id}`, error)),
    )
  }

  async #attempt(claim: Claim): Promise<void> {
    const { scopes, policy, report, post } = this.#parts
    this.#inFlight.set(claim.id, claim)
    scopes.sent(claim.id, performance.now())
    const outcome = await post(claim)
    this.#inFlight.delete(claim.id)
    const sign = originSign(outcome, policy)
    const now = performance.now()
    scopes.ended(claim.id, sign, now)
    this.#passOn(claim.origin, now)
    const decision = decide(claim, outcome, policy, Math.random)
    const { id, messageId, attempt, epoch, rev } = claim
    this.recorder.add({ id, messageId, attempt, epoch, rev, writtenEpoch: epoch, outcome, decision })
    this.#ended()
    report.attempted(claim, outcome, sign, decision)
  }

  /** Called when a slot of the origin has come free. */
  #passOn(origin: string, now: number): void {
    const { scopes, backlog, agenda } = this.#parts
    if (scopes.hasOutages) agenda.event.set()
    if (!scopes.isWell(origin, now)) this.ahead.giveUp(each => each === origin)
    this.ahead.freed(origin, now)
    backlog.freed(origin)
  }

  #ended(): void {
    this.#parts.claimable.set()
    this.#parts.progress.set()
  }

  /** The record is committed, and the row is what was decided. */
  recorded({ id, decision }: Attempt, { orderingKey, next }: Recorded): void {
    const { backlog, agenda } = this.#parts
    if (decision.status === 'pending') {
      backlog.ended(id, 'back', null)
      agenda.dueAgainAt(performance.now() + decision.retryInMs)
    } else backlog.settled(id, orderingKey, next)
    this.#ended()
    this.#readWanted()
  }

  /**
   * The attempt was recorded before, by a statement whose reply was lost. Which row is first in its key now is not
   * known.
   */
  repeated({ id }: Attempt): void {
    this.#parts.backlog.ended(id, 'unknown', null)
    this.#ended()
    this.#readWanted()
  }

  /** The attempt is recorded, but its row had gone on without this relay. */
  overtaken(attempt: Attempt): void {
    this.#readAnew('warn', 'attempt_overtaken', attempt)
  }

  /** A failover has lost the row and given its id to another. */
  lost(attempt: Attempt): void {
    this.#readAnew('error', 'attempt_of_lost_callback', attempt)
  }

  /** Reads the row again, since it is no longer what was sent. */
  #readAnew(level: 'warn' | 'error', event: EventName, { id, messageId, attempt, outcome }: Attempt): void {
    const { backlog, log, agenda } = this.#parts
    backlog.ended(id, 'unknown', null)
    log[level](event, { id, message_id: messageId, attempt, outcome: outcome.kind })
    agenda.lookForNew()
    this.#ended()
  }

  #readWanted(): void {
    const { backlog, agenda } = this.#parts
    if (backlog.wantsReads) agenda.event.set()
  }
}
