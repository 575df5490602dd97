import type { Attempt, IndexPlace, Outcome } from '../model.ts'
import { type Orphan, orphansStart, readOrphans } from '../outbox/orphans.ts'
import type { Session } from '../outbox/session.ts'
import { decide, type RetryPolicy } from '../policy/decision.ts'
import { choresMs, orphansPauseMs, sweepShare } from '../policy/tuning.ts'
import type { Recorder } from './recorder.ts'

export interface RecoveryParts {
  readonly recorder: Recorder
  readonly policy: RetryPolicy
  /** Of the present registration. */
  readonly epoch: () => string
  /** It does not stand by: a relay with other settings than most must not judge what becomes of an attempt. */
  readonly mayJudge: () => boolean
  /** Whether this very process has the attempt in flight, in doubt or unrecorded, under whatever epoch. */
  readonly isUnderWay: (orphan: Pick<Orphan, 'id' | 'epoch'>) => boolean
}

/**
 * Finds what a relay that is gone has left claimed, and puts it on record. A row says by the epoch of its claim whose it is; its
 * registration is gone when somebody has buried it. Of two relays that find the same row the record of one changes it.
 */
export class Recovery {
  readonly #parts: RecoveryParts
  /** Where the search goes on; null: it rests. */
  #place: IndexPlace | null = orphansStart
  /** A registration has gone since the read under way was sent. */
  #isWanted = false
  #spentMs = 0
  #hasSkipped = false
  #nextAt = 0

  constructor(parts: RecoveryParts) {
    this.#parts = parts
  }

  /** A registration has gone. */
  want(): void {
    this.#place = orphansStart
    this.#isWanted = true
  }

  /** One page. True: there are more. */
  async work(session: Session): Promise<boolean> {
    if (!this.#parts.mayJudge()) return false
    const startedAt = performance.now()
    if (this.#place === null && startedAt >= this.#nextAt) this.#place = orphansStart
    const place = this.#place
    if (place === null) return false
    this.#isWanted = false
    const { orphans, next } = await readOrphans(session, place)
    for (const each of orphans) this.#recover(each)
    if (!this.#isWanted) this.#place = next
    this.#spentMs += performance.now() - startedAt
    if (this.#place === null) this.#rest()
    return this.#place !== null
  }

  #recover(orphan: Orphan): void {
    const { recorder, policy, epoch, isUnderWay } = this.#parts
    if (isUnderWay(orphan)) this.#hasSkipped = true
    else recorder.add(orphaned(orphan, epoch(), policy, performance.now()))
  }

  #rest(): void {
    const pauseMs = this.#hasSkipped ? choresMs : Math.max(orphansPauseMs, this.#spentMs / sweepShare)
    this.#nextAt = performance.now() + pauseMs
    this.#spentMs = 0
    this.#hasSkipped = false
  }
}

/**
 * What is to be recorded of an orphaned claim: it may have arrived. It is due at once, but within its budget, since a row that
 * brings relays down must not do so for ever, and dead where its origin is set to `unknown: hold`.
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
