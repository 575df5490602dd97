import type { Attempt, IndexPlace, Outcome, RangeName } from '../model.ts'
import { isCancelled, isRefusalOfRows } from '../outbox/database-errors.ts'
import { type FoundOrphans, type Orphan, orphansStart, readOrphans } from '../outbox/orphans.ts'
import { release } from '../outbox/release.ts'
import type { Session } from '../outbox/session.ts'
import { decide, type RetryPolicy } from '../policy/decision.ts'
import { carefulStatementMs, choresMs, claimedPageEntries, orphansPauseMs } from '../policy/tuning.ts'
import { IndexSpan } from './index-span.ts'
import type { Recorder } from './recorder.ts'
import type { Refusals } from './refusals.ts'
import { searchPauseMs } from './search-pause.ts'

export interface RecoveryParts {
  readonly recorder: Recorder
  /** Claims that PostgreSQL refuses to release. */
  readonly unreleased: Refusals
  readonly policy: RetryPolicy
  /** The epoch of the present registration. */
  readonly epoch: () => string
  /** False while it stands by: a relay with other settings than most must not decide what becomes of an attempt. */
  readonly mayJudge: () => boolean
  /** Whether this process itself has the attempt in flight, in doubt or unrecorded, under any epoch. */
  readonly isUnderWay: (orphan: Pick<Orphan, 'id' | 'epoch'>) => boolean
  /** By epoch: since when claims may have been lost with the reply to a read; see `Claimer`. */
  readonly lostReads: () => ReadonlyMap<string, number>
}

/**
 * Finds callbacks whose claim has an epoch without a registration, and records their attempts as unknown. If two
 * relays find the same row, the record of one changes it. It also finds what a read of this process has claimed under a
 * former registration, which may still stand, if the reply was lost: that is released.
 */
export class Recovery {
  readonly #parts: RecoveryParts
  /** Where the search goes on; null: it rests. */
  #place: IndexPlace | null = orphansStart
  /** Whether a registration has gone since the last read was sent. */
  #isWanted = false
  /** Whether the search is for the claims of a registration that is gone. It does not pause between its pages. */
  #isUrgent = false
  /** When the next page is due. */
  #pageAt = 0
  /** What the server has worked for this search. */
  #spentMs = 0
  #hasSkipped = false
  /** Whether PostgreSQL has cancelled a statement of a search that took long. */
  #isCareful = false
  #span = new IndexSpan(false)
  #nextAt = 0

  constructor(parts: RecoveryParts) {
    this.#parts = parts
  }

  /** Called when a registration is gone, or may have gone. */
  want(): void {
    this.#begin()
    this.#isWanted = true
    this.#isUrgent = true
  }

  /** When there is something to do. */
  get nextAt(): number {
    if (!this.#parts.mayJudge()) return Number.POSITIVE_INFINITY
    return this.#place === null ? this.#nextAt : this.#pageAt
  }

  /**
   * Reads one page. Returns whether there are more.
   *
   * @param reached how far the tip of the range has come.
   */
  async work(session: Session, reached: (range: RangeName) => IndexPlace): Promise<boolean> {
    if (performance.now() < this.nextAt) return false
    const place = this.#place ?? this.#begin()
    this.#isWanted = false
    const { orphans, next, workMs } = await this.#readPage(session, place, reached)
    if (!this.#parts.mayJudge()) return false
    for (const each of orphans) await this.#recover(session, each)
    if (!this.#isWanted) this.#place = next
    this.#spentMs += workMs
    if (this.#place === null) this.#rest(this.#isUrgent ? this.#spentMs : workMs)
    else if (!this.#isUrgent) this.#pageAt = performance.now() + searchPauseMs(workMs)
    return this.#place !== null && performance.now() >= this.#pageAt
  }

  #begin(): IndexPlace {
    this.#place = orphansStart
    this.#pageAt = 0
    this.#span = new IndexSpan(this.#isCareful)
    if (this.#isCareful) this.#span.cancelled()
    return orphansStart
  }

  async #readPage(
    session: Session,
    place: IndexPlace,
    reached: (range: RangeName) => IndexPlace,
  ): Promise<FoundOrphans> {
    const range = place.dueUs === null ? 'fresh' : 'due'
    const most = this.#isUrgent ? claimedPageEntries.wanted : claimedPageEntries.regular
    try {
      // Those of the present registration are shown by every read.
      const named = [...this.#parts.lostReads().keys()].filter(each => each !== this.#parts.epoch())
      const found = await readOrphans(session, place, this.#span.after(place, range, reached(range)), most, named)
      this.#span.adapt(found.workMs)
      return found
    } catch (error) {
      if (isCancelled(error)) {
        this.#isCareful = true
        this.#span.cancelled()
      }
      throw error
    }
  }

  async #recover(session: Session, orphan: Orphan): Promise<void> {
    const { recorder, policy, epoch, isUnderWay, lostReads } = this.#parts
    const lostFrom = lostReads().get(orphan.epoch)
    if (isUnderWay(orphan)) this.#hasSkipped ||= lostFrom === undefined
    // Nothing of it was sent. A claim from before that read may have been sent, and its record lost in a failover.
    else if (lostFrom !== undefined && performance.now() - orphan.claimedMsAgo >= lostFrom)
      await this.#release(session, orphan)
    else recorder.add(orphaned(orphan, epoch(), policy, performance.now()))
  }

  /** A claim that PostgreSQL refuses to release is left to the next search. */
  async #release(session: Session, orphan: Orphan): Promise<void> {
    const { unreleased } = this.#parts
    const now = performance.now()
    if (unreleased.restMs(orphan.id, now) > 0) return
    try {
      await release(session, orphan.epoch, [orphan])
    } catch (error) {
      if (!isRefusalOfRows(error)) throw error
      unreleased.refused(orphan.id, error, now, { statement: 'release', becomes: 'claimed' })
    }
  }

  /** @param workMs what the server has worked since the last pause. */
  #rest(workMs: number): void {
    this.#isUrgent = false
    const pauseMs = this.#hasSkipped ? choresMs : Math.max(orphansPauseMs, searchPauseMs(workMs))
    this.#nextAt = performance.now() + pauseMs
    if (this.#spentMs < carefulStatementMs) this.#isCareful = false
    this.#spentMs = 0
    this.#hasSkipped = false
  }
}

/**
 * The attempt to record for an orphaned claim. It may have arrived, so its outcome is unknown. It counts, since a row
 * that crashes relays must not do so for ever. The callback is due again at once.
 */
export function orphaned(orphan: Orphan, epoch: string, policy: RetryPolicy, now: number): Attempt {
  const outcome: Outcome = {
    kind: 'unknown',
    httpStatus: null,
    error: 'the relay that sent it died before it recorded the outcome',
    responseExcerpt: null,
    retryAfterMs: null,
    startedAtMs: now - orphan.claimedMsAgo,
    finishedAtMs: now,
  }
  const decision = decide(orphan, outcome, policy, () => 0)
  const { id, messageId, attempt, rev } = orphan
  return {
    id,
    messageId,
    attempt,
    rev,
    epoch: orphan.epoch,
    writtenEpoch: epoch,
    outcome,
    decision: decision.status === 'pending' ? { ...decision, retryInMs: 0 } : decision,
  }
}
