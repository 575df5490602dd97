import { Bell } from './bell.ts'
import type { Attempt } from './model.ts'
import type { Log } from './observe/log.ts'
import { lockedPauseMs, look } from './outbox/look.ts'
import { record } from './outbox/record.ts'
import { isDataError, type Session } from './outbox/session.ts'

/** An attempt that the database refuses even without its texts is tried again after this, in milliseconds. */
const refusedPauseMs = 60_000

/** What becomes of an attempt once it is written down. */
export interface RecorderEvents {
  /** Committed: the row is what was decided. */
  readonly recorded: (attempt: Attempt) => void
  /** The attempt is written down, but the row had gone on without us (an heir, a replay). */
  readonly overtaken: (attempt: Attempt) => void
  /** The row was lost in a failover and its id given to another: nothing is written down. */
  readonly lost: (attempt: Attempt) => void
}

/**
 * Writes outcomes down. They wait here while the database is away and outlive the connection; nothing is dropped.
 *
 * The first outcome goes at once, those that arrive while a statement is under way form the next one: batches as large as
 * the load wants, and no timer.
 */
export class Recorder {
  readonly #relay: () => string
  readonly #events: RecorderEvents
  readonly #log: Log
  readonly #bell = new Bell()
  readonly #ids = new Set<string>()
  #waiting: Attempt[] = []
  /** What of the present batch is not committed yet, by id. */
  #underWay = new Map<string, Attempt>()
  /** Attempts that come again after a pause. */
  #resting = 0

  constructor(options: { readonly relay: () => string; readonly log: Log }, events: RecorderEvents) {
    this.#relay = options.relay
    this.#log = options.log
    this.#events = events
  }

  add(attempt: Attempt): void {
    this.#waiting.push(attempt)
    this.#ids.add(attempt.id)
    this.#bell.ring()
  }

  /** True while an attempt of the callback is not committed. */
  holds(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Outcomes that are not committed yet. */
  get backlog(): number {
    return this.#waiting.length + this.#underWay.size + this.#resting
  }

  /** Records until `open` says no; then what is here waits for the next session. Throws when the session fails. */
  async run(session: Session, open: () => boolean): Promise<void> {
    while (open()) {
      if (this.#waiting.length === 0) await this.#bell.wait(1_000)
      else await this.flush(session)
    }
  }

  /** Ends a `run` that waits. */
  nudge(): void {
    this.#bell.ring()
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

  /** At most 200, and one for each callback, since the statement changes a row once. */
  #nextBatch(): Map<string, Attempt> {
    const batch = new Map<string, Attempt>()
    const rest: Attempt[] = []
    for (const attempt of this.#waiting) {
      if (batch.size < 200 && !batch.has(attempt.id)) batch.set(attempt.id, attempt)
      else rest.push(attempt)
    }
    this.#waiting = rest
    return batch
  }

  async #recordBatch(session: Session, batch: readonly Attempt[]): Promise<void> {
    try {
      await this.#recordNow(session, batch)
    } catch (error) {
      if (!isDataError(error)) throw error
      await this.#halve(session, batch, error as Error)
    }
  }

  async #recordNow(session: Session, batch: readonly Attempt[]): Promise<void> {
    const done = await record(session, batch, this.#relay(), performance.now())
    const missed: Attempt[] = []
    for (const attempt of batch) {
      if (done.has(attempt.id)) this.#end(attempt, this.#events.recorded)
      else missed.push(attempt)
    }
    if (missed.length > 0) await this.#account(session, missed)
  }

  /**
   * A row that was not changed is locked by somebody's open transaction; or it was changed before, and the reply was lost;
   * or it is not ours any more; or not even the same.
   */
  async #account(session: Session, missed: readonly Attempt[]): Promise<void> {
    const ids = missed.map(({ id }) => id)
    const standings = new Map((await look(session, ids)).map(row => [row.id, row]))
    for (const attempt of missed) {
      const row = standings.get(attempt.id)
      if (row !== undefined && row.messageId !== attempt.messageId) {
        this.#end(attempt, this.#events.lost)
        continue
      }
      const isOurs = row?.attempts === attempt.attempt && row.claimedEpoch === attempt.epoch
      if (isOurs && row.status === 'claimed') this.#rest(attempt, lockedPauseMs)
      else if (isOurs && row.status !== 'pending' && row.status === attempt.decision.status)
        this.#end(attempt, this.#events.recorded)
      else this.#end(attempt, this.#events.overtaken)
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

  #end(attempt: Attempt, event: (attempt: Attempt) => void): void {
    this.#underWay.delete(attempt.id)
    this.#ids.delete(attempt.id)
    event(attempt)
  }

  /** One row that the database refuses must not hold up the others: the batch is halved until it is alone. */
  async #halve(session: Session, batch: readonly Attempt[], error: Error): Promise<void> {
    if (batch.length > 1) {
      const middle = batch.length >> 1
      await this.#recordBatch(session, batch.slice(0, middle))
      await this.#recordBatch(session, batch.slice(middle))
      return
    }
    for (const attempt of batch) await this.#recordBare(session, attempt, error)
  }

  /** What the receiver or the network said could not be stored: the outcome is, without its texts. */
  async #recordBare(session: Session, attempt: Attempt, error: Error): Promise<void> {
    this.#log.error('record_refused', { id: attempt.id, attempt: attempt.attempt, err: error })
    const note = `could not be stored: ${error.message.replace(/[^\x20-\x7e]/g, '?')}`
    const outcome = { ...attempt.outcome, error: note, responseExcerpt: null }
    const { decision } = attempt
    const bare = {
      ...attempt,
      outcome,
      decision: decision.status === 'delivered' ? decision : { ...decision, reason: note },
    }
    try {
      await this.#recordNow(session, [bare])
    } catch (again) {
      if (!isDataError(again)) throw again
      this.#rest(attempt, refusedPauseMs)
    }
  }
}
