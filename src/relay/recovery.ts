import type { Attempt, IndexPlace, Outcome } from '../model.ts'
import { type Orphan, orphansStart, readOrphans } from '../outbox/orphans.ts'
import { release } from '../outbox/release.ts'
import type { Session } from '../outbox/session.ts'
import { decide, type RetryPolicy } from '../policy/decision.ts'
import { choresMs, orphansPauseMs, sweepShare } from '../policy/tuning.ts'
import type { Recorder } from './recorder.ts'

export interface RecoveryParts {
  readonly recorder: Recorder
  readonly policy: RetryPolicy
  /** The epoch of the present registration. */
  readonly epoch: () => string
  /** False while it stands by: a relay with other settings than most must not decide what becomes of an attempt. */
  readonly mayJudge: () => boolean
  /** Whether this process itself has the attempt in flight, in doubt or unrecorded, under any epoch. */
  readonly isUnderWay: (orphan: Pick<Orphan, 'id' | 'epoch'>) => boolean
  /** Whether a registration with this epoch was this process's own. */
  readonly isOwn: (epoch: string) => boolean
}

/**
 * Finds callbacks whose claim has an epoch without a registration, and records their attempts as unknown. If two
 * relays find the same row, the record of one changes it.
 */
export class Recovery {
  readonly #parts: RecoveryParts
  /** Where the search goes on; null: it rests. */
  #place: IndexPlace | null = orphansStart
  /** Whether a registration has gone since the last read was sent. */
  #isWanted = false
  /** What the server has worked for this search. */
  #spentMs = 0
  #hasSkipped = false
  #nextAt = 0

  constructor(parts: RecoveryParts) {
    this.#parts = parts
  }

  /** Called when a registration is gone. */
  want(): void {
    this.#place = orphansStart
    this.#isWanted = true
  }

  /** Reads one page. Returns whether there are more. */
  async work(session: Session): Promise<boolean> {
    if (!this.#parts.mayJudge()) return false
    if (this.#place === null && performance.now() >= this.#nextAt) this.#place = orphansStart
    const place = this.#place
    if (place === null) return false
    this.#isWanted = false
    const { orphans, next, workMs } = await readOrphans(session, place)
    if (!this.#parts.mayJudge()) return false
    for (const each of orphans) await this.#recover(session, each)
    if (!this.#isWanted) this.#place = next
    this.#spentMs += workMs
    if (this.#place === null) this.#rest()
    return this.#place !== null
  }

  async #recover(session: Session, orphan: Orphan): Promise<void> {
    const { recorder, policy, epoch, isUnderWay, isOwn } = this.#parts
    if (isUnderWay(orphan)) this.#hasSkipped = true
    // This process has sent nothing of it, since it does not know of it: the reply to the claim was lost.
    else if (isOwn(orphan.epoch)) await release(session, orphan.epoch, [orphan])
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
