import type { Log } from '../log/log.ts'
import type { Attempt } from '../model.ts'
import { isDataError, isRefusal } from '../outbox/database-errors.ts'
import { isolate } from '../outbox/isolate.ts'
import { type Looked, look } from '../outbox/look.ts'
import { type Recorded, record } from '../outbox/record.ts'
import type { Session } from '../outbox/session.ts'
import { gatherMs, gatherRows, lockedPauseMs, loopIdleMs, recordRows } from '../policy/tuning.ts'
import { AutoResetEvent } from './auto-reset-event.ts'
import { ascii, asciiReason, Refusals } from './refusals.ts'

/** What becomes of an attempt once it is written down. */
export interface RecorderEvents {
  /** Committed: the row is what was decided. */
  readonly recorded: (attempt: Attempt, now: Recorded) => void
  /** It was recorded before, and the reply was lost. */
  readonly repeated: (attempt: Attempt) => void
  /** The attempt is written down, but the row had gone on without us (an heir, a replay). */
  readonly overtaken: (attempt: Attempt) => void
  /** The row was lost in a failover and its id given to another: nothing is written down. */
  readonly lost: (attempt: Attempt) => void
}

export interface RecorderOptions {
  readonly relay: () => string
  /** Of the present registration. */
  readonly epoch: () => string
  readonly log: Log
  /** What is delivered is deleted as it is recorded; default false. */
  readonly deletes?: boolean
  /** Somebody waits for the record of this attempt, or no other outcome is to be expected. Default: always. */
  readonly isUrgent?: (attempt: Attempt) => boolean
}

/**
 * Writes outcomes down. They wait here while the database is away and outlive the connection; nothing is dropped.
 *
 * An outcome waits a few milliseconds for others, unless it is urgent or they are many. Those that arrive while a statement
 * is under way form the next one.
 */
export class Recorder {
  readonly #relay: () => string
  readonly #epoch: () => string
  readonly #deletes: boolean
  readonly #isUrgent: (attempt: Attempt) => boolean
  readonly #events: RecorderEvents
  readonly #log: Log
  readonly #refusals: Refusals
  readonly #added = new AutoResetEvent()
  /** The epochs under which the attempts were claimed that are here. */
  readonly #ids = new Map<string, string>()
  #waiting: Attempt[] = []
  /** Until then those that wait may wait for others; by `performance.now()`. */
  #gatherUntil = 0
  /** What of the present batch is not committed yet, by id. */
  #underWay = new Map<string, Attempt>()
  /** Attempts that come again after a pause. */
  #resting = 0

  constructor(options: RecorderOptions, events: RecorderEvents) {
    this.#relay = options.relay
    this.#epoch = options.epoch
    this.#deletes = options.deletes ?? false
    this.#isUrgent = options.isUrgent ?? (() => true)
    this.#log = options.log
    this.#refusals = new Refusals(options.log, 'record_refused')
    this.#events = events
  }

  add(attempt: Attempt): void {
    const isFirst = this.#waiting.push(attempt) === 1
    this.#ids.set(attempt.id, attempt.epoch)
    const isEnough = this.#waiting.length >= gatherRows || this.#isUrgent(attempt)
    if (isFirst) this.#gatherUntil = performance.now() + gatherMs
    if (isEnough) this.#gatherUntil = 0
    if (isFirst || isEnough) this.#added.set()
  }

  /** True while an attempt of the callback is not committed. */
  holds(id: string): boolean {
    return this.#ids.has(id)
  }

  /** True while one is not committed that was claimed under this epoch. */
  holdsEpoch(epoch: string): boolean {
    for (const each of this.#ids.values()) if (each === epoch) return true
    return false
  }

  /** Outcomes that are not committed yet. */
  get backlog(): number {
    return this.pressing + this.#resting
  }

  /** Those of them that could be: their rows are neither locked nor refused. */
  get pressing(): number {
    return this.#waiting.length + this.#underWay.size
  }

  /** Records until the signal is aborted; then what is here waits for the next session. Throws when the session fails. */
  async run(session: Session, signal: AbortSignal): Promise<void> {
    this.#added.setBy(signal)
    while (!signal.aborted) {
      const waitMs = this.#waiting.length === 0 ? loopIdleMs : this.#gatherUntil - performance.now()
      if (waitMs > 0) await this.#added.wait(waitMs)
      else await this.flush(session)
    }
  }

  /** Records one batch. */
  async flush(session: Session): Promise<void> {
    this.#underWay = this.#nextBatch()
    try {
      await this.#recordBatch(session, [...this.#underWay.values()])
    } finally {
      // What the session did not live to record goes first in the next one.
      this.#waiting = [...this.#underWay.values(), ...this.#waiting]
      this.#underWay.clear()
    }
  }

  /** At most `recordRows`, and one for each callback, since the statement changes a row once. */
  #nextBatch(): Map<string, Attempt> {
    const batch = new Map<string, Attempt>()
    const rest: Attempt[] = []
    for (const attempt of this.#waiting) {
      if (batch.size < recordRows && !batch.has(attempt.id)) batch.set(attempt.id, attempt)
      else rest.push(attempt)
    }
    this.#waiting = rest
    return batch
  }

  /** One attempt that PostgreSQL refuses must not hold up the others. */
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

  /** Why were the rows of these not changed? */
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
   * What a receiver has answered may be more than the encoding of the database can hold. So an attempt whose values are
   * refused gives up its texts one after the other, the excerpt first; any other refusal has other reasons than texts.
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

/** What a look says of a row that the record did not change. */
function becameOf(attempt: Attempt, row: Looked | undefined): 'locked' | 'lost' | 'repeated' | 'overtaken' {
  // Settled by this attempt and deleted since; any other decision would have kept it.
  if (row === undefined) return attempt.decision.status === 'delivered' ? 'repeated' : 'overtaken'
  if (row.messageId !== attempt.messageId) return 'lost'
  if (row.attempts !== attempt.attempt || row.claimedEpoch !== attempt.epoch) return 'overtaken'
  // Somebody's open transaction has it.
  if (row.status === 'claimed' && row.row.rev === attempt.rev) return 'locked'
  // It was changed before, and the reply was lost.
  return row.status === attempt.decision.status ? 'repeated' : 'overtaken'
}

interface Less {
  readonly without: 'excerpt' | 'accents' | 'reason'
  readonly less: Attempt
}

/** The attempt without its excerpt; with its reasons in ASCII; and with what PostgreSQL says in their place. */
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
