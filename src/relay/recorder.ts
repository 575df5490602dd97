import type { Log } from '../log/log.ts'
import type { Attempt } from '../model.ts'
import { isDataError, isRefusal } from '../outbox/database-errors.ts'
import { isolate } from '../outbox/isolate.ts'
import { type Looked, look } from '../outbox/look.ts'
import { type Recorded, record } from '../outbox/record.ts'
import type { Session } from '../outbox/session.ts'
import { endOfTurn } from '../pause.ts'
import {
  busyGather,
  gather,
  lockedPauseMs,
  loopIdleMs,
  quickRecordMs,
  recordCharacters,
  recordRows,
} from '../policy/tuning.ts'
import { AutoResetEvent } from './auto-reset-event.ts'
import { ascii, asciiReason, Refusals } from './refusals.ts'

/** How the record of an attempt ends. */
export interface RecorderEvents {
  /** The record is committed, and the row is what was decided. */
  readonly recorded: (attempt: Attempt, now: Recorded) => void
  /** The attempt was recorded before, and the reply was lost. */
  readonly repeated: (attempt: Attempt) => void
  /** The attempt is recorded, and its row unchanged: another relay had taken it over, or an operator had changed it. */
  readonly overtaken: (attempt: Attempt) => void
  /** A failover has lost the row and given its id to another. Nothing is recorded. */
  readonly lost: (attempt: Attempt) => void
}

export interface RecorderOptions {
  readonly relay: () => string
  /** The epoch of the present registration. */
  readonly epoch: () => string
  readonly log: Log
  /** Whether delivered rows are deleted as they are recorded. Default false. */
  readonly deletes?: boolean
  /** Whether something waits for this record, or no other outcome is expected. Default: always. */
  readonly isUrgent?: (attempt: Attempt) => boolean
  /** Whether other POSTs wait for slots, so that many outcomes will follow. Default: never. */
  readonly isBusy?: () => boolean
}

/**
 * Records outcomes. They outlive the connection, and none is dropped. An outcome waits some milliseconds for others,
 * unless it is urgent or they are many.
 */
export class Recorder {
  readonly #relay: () => string
  readonly #epoch: () => string
  readonly #deletes: boolean
  readonly #isUrgent: (attempt: Attempt) => boolean
  readonly #isBusy: () => boolean
  readonly #events: RecorderEvents
  readonly #log: Log
  readonly #refusals: Refusals
  readonly #added = new AutoResetEvent()
  /** By callback: the epoch under which the attempt that is here was claimed. */
  readonly #ids = new Map<string, string>()
  #waiting: Attempt[] = []
  /** Until then outcomes wait for others, by `performance.now()`. */
  #gatherUntil = 0
  /** The attempts of the present batch that are not committed yet, by id. */
  #underWay = new Map<string, Attempt>()
  /** Most attempts of the next batch: fewer after a record without an answer. Excerpts may not pass a slow network in time. */
  #most = recordRows
  /** How many attempts are recorded after a pause. */
  #resting = 0

  constructor(options: RecorderOptions, events: RecorderEvents) {
    this.#relay = options.relay
    this.#epoch = options.epoch
    this.#deletes = options.deletes ?? false
    this.#isUrgent = options.isUrgent ?? (() => true)
    this.#isBusy = options.isBusy ?? (() => false)
    this.#log = options.log
    this.#refusals = new Refusals(options.log, 'record_refused')
    this.#events = events
  }

  add(attempt: Attempt): void {
    const isFirst = this.#waiting.push(attempt) === 1
    this.#ids.set(attempt.id, attempt.epoch)
    const { ms, rows } = this.#isBusy() ? busyGather : gather
    const isEnough = this.#waiting.length >= rows || this.#isUrgent(attempt)
    const until = isEnough ? 0 : performance.now() + ms
    if (!isFirst && until >= this.#gatherUntil) return
    this.#gatherUntil = until
    this.#added.set()
  }

  /** Whether an attempt of the callback is not committed. */
  holds(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Whether an attempt that was claimed under this epoch is not committed. */
  holdsEpoch(epoch: string): boolean {
    return [...this.#ids.values()].includes(epoch)
  }

  /** How many outcomes are not committed yet. */
  get backlog(): number {
    return this.pressing + this.#resting
  }

  /** How many of them do not rest: their rows are neither locked nor refused. */
  get pressing(): number {
    return this.#waiting.length + this.#underWay.size
  }

  /**
   * Records until the signal is aborted. The remaining outcomes wait for the next session. Throws when the session
   * fails.
   */
  async run(session: Session, signal: AbortSignal): Promise<void> {
    this.#added.setBy(signal)
    while (!signal.aborted) {
      const waitMs = this.#waiting.length === 0 ? loopIdleMs : this.#gatherUntil - performance.now()
      if (waitMs > 0) {
        await this.#added.wait(waitMs)
        // Outcomes of the same turn share a record.
        await endOfTurn()
      } else await this.flush(session)
    }
  }

  /** Records one batch. */
  async flush(session: Session): Promise<void> {
    this.#underWay = this.#nextBatch()
    const batch = [...this.#underWay.values()]
    const sentAt = performance.now()
    try {
      await this.#recordBatch(session, batch)
      const isQuick = performance.now() - sentAt < quickRecordMs
      if (isQuick && batch.length === this.#most) this.#most = Math.min(recordRows, this.#most * 2)
    } catch (error) {
      if (!isRefusal(error)) this.#most = Math.max(1, batch.length >> 1)
      throw error
    } finally {
      // Outcomes that this session could not record go first in the next one.
      this.#waiting = [...this.#underWay.values(), ...this.#waiting]
      this.#underWay.clear()
    }
  }

  /** At most one attempt a callback, since the statement changes a row once. */
  #nextBatch(): Map<string, Attempt> {
    const batch = new Map<string, Attempt>()
    const rest: Attempt[] = []
    let characters = 0
    for (const attempt of this.#waiting) {
      if (batch.size < this.#most && characters < recordCharacters && !batch.has(attempt.id)) {
        batch.set(attempt.id, attempt)
        characters += attempt.outcome.responseExcerpt?.length ?? 0
      } else rest.push(attempt)
    }
    this.#waiting = rest
    return batch
  }

  /** Records a batch so that an attempt that PostgreSQL refuses does not hold up the others. */
  async #recordBatch(session: Session, batch: readonly Attempt[]): Promise<void> {
    const refused = await isolate(batch, part => this.#recordNow(session, part))
    for (const { item, error } of refused) await this.#recordWithLess(session, item, error)
  }

  async #recordNow(session: Session, batch: readonly Attempt[]): Promise<void> {
    const writer = { relay: this.#relay(), epoch: this.#epoch() }
    const done = await record(session, batch, writer, performance.now(), this.#deletes)
    const missed: Attempt[] = []
    for (const attempt of batch) {
      const recorded = done.get(attempt.id)
      if (recorded) {
        this.#end(attempt)
        this.#events.recorded(attempt, recorded)
      } else missed.push(attempt)
    }
    if (missed.length > 0) await this.#account(session, missed)
  }

  /** Finds out why the record did not change the rows of these attempts. */
  async #account(session: Session, missed: readonly Attempt[]): Promise<void> {
    const ids = missed.map(({ id }) => id)
    const standings = new Map((await look(session, this.#epoch(), ids)).map(row => [row.id, row]))
    for (const attempt of missed) {
      const became = becameOf(attempt, standings.get(attempt.id))
      if (became === 'locked') {
        this.#rest(attempt, lockedPauseMs)
        continue
      }
      this.#end(attempt)
      this.#events[became](attempt)
    }
  }

  #rest(attempt: Attempt, ms: number): void {
    this.#underWay.delete(attempt.id)
    this.#resting += 1
    setTimeout(() => {
      this.#resting -= 1
      this.add(attempt)
    }, ms)
  }

  #end({ id }: Attempt): void {
    this.#underWay.delete(id)
    this.#refusals.passed(id)
    this.#ids.delete(id)
  }

  /**
   * The encoding of the database may not be able to hold a receiver's text. An attempt whose values are refused is
   * recorded with less and less text.
   */
  async #recordWithLess(session: Session, attempt: Attempt, refusal: Error): Promise<void> {
    let error = refusal
    for (const { without, less } of lessAndLess(attempt, refusal)) {
      if (!isDataError(error)) break
      try {
        await this.#recordNow(session, [less])
        const { id, attempt: number } = attempt
        return this.#log[without === 'reason' ? 'error' : 'debug']('record_refused', {
          id,
          attempt: number,
          err: refusal,
        })
      } catch (again) {
        if (!isRefusal(again)) throw again
        error = again
      }
    }
    this.#rest(attempt, this.#refusals.refused(attempt.id, error, performance.now(), { attempt: attempt.attempt }))
  }
}

/** Why the record did not change the row, by what a look shows. */
function becameOf(attempt: Attempt, row: Looked | undefined): 'locked' | 'lost' | 'repeated' | 'overtaken' {
  // This attempt has delivered the row, which was deleted since. After any other decision it would exist.
  if (row === undefined) return attempt.decision.status === 'delivered' ? 'repeated' : 'overtaken'
  if (row.messageId !== attempt.messageId) return 'lost'
  if (row.attempts !== attempt.attempt || row.claimedEpoch !== attempt.epoch) return 'overtaken'
  // Another transaction has locked it, or has just changed it.
  if (row.status === 'claimed' && row.row.rev === attempt.rev) return 'locked'
  if (row.status === 'pending' && attempt.decision.status === 'delivered') return 'locked'
  // This attempt has changed it before, and the reply was lost.
  return row.status === attempt.decision.status ? 'repeated' : 'overtaken'
}

interface Less {
  readonly without: 'excerpt' | 'accents' | 'reason'
  readonly less: Attempt
}

/** The attempt without its excerpt; then with its reasons in ASCII; then with PostgreSQL's refusal in their place. */
function lessAndLess(attempt: Attempt, refusal: Error): Less[] {
  const { outcome, decision } = attempt
  const withTexts = (change: (text: string) => string): Attempt => ({
    ...attempt,
    outcome: { ...outcome, error: outcome.error === null ? null : change(outcome.error), responseExcerpt: null },
    decision: decision.status === 'delivered' ? decision : { ...decision, reason: change(decision.reason) },
  })
  return [
    { without: 'excerpt', less: withTexts(text => text) },
    { without: 'accents', less: withTexts(ascii) },
    { without: 'reason', less: withTexts(() => `could not be stored: ${asciiReason(refusal)}`) },
  ]
}
