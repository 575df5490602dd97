import { compareIds } from '../ids.ts'
import type { Attempt, Decision, Outcome } from '../model.ts'
import type { Claimed, Listed } from '../outbox/fetch.ts'
import { decide, type RetryPolicy } from '../policy/decision.ts'
import { claimSlackMs } from '../policy/tuning.ts'

/** How this relay holds the lane of a row. */
export interface Held {
  readonly epoch: string
  /** How long ago it has taken the lane with this epoch. */
  readonly ms: number
}

/**
 * What is to be recorded of a row that is claimed while nobody here is sending it. It is due at once. What may have arrived
 * is within its budget, since a row that brings relays down must not do so for ever, and is dead where its origin is set to
 * `unknown: hold`. A claim of our own whose reply was lost was never the last attempt.
 *
 * @returns undefined for a row that a later owner has claimed: it is not ours to judge.
 */
export function recover(row: Listed, held: Held, policy: RetryPolicy, now: number): Attempt | undefined {
  const { claimed } = row
  if (claimed === null) return undefined
  const claimant = claimantOf(claimed, held)
  if (claimant === 'heir') return undefined
  const outcome: Outcome = {
    kind: claimant === 'us' ? 'not_sent' : 'unknown',
    httpStatus: null,
    error: says[claimant],
    responseExcerpt: null,
    retryAfterMs: null,
    startedAtMs: now - claimed.msAgo,
    finishedAtMs: now,
    ...(claimant === 'us' ? { isAborted: true } : {}),
  }
  return {
    id: row.id,
    messageId: claimed.messageId,
    attempt: claimed.attempt,
    epoch: claimed.epoch,
    writtenEpoch: held.epoch,
    outcome,
    decision: atOnce(decide({ ...claimed, origin: row.origin }, outcome, policy, () => 0)),
  }
}

const says = {
  /** The claim was committed and its reply lost, so no POST can have started. */
  us: 'the reply to the claim was lost',
  /** The POST may have arrived. */
  predecessor: 'the relay that sent it died or lost its lane before it recorded the outcome',
  /** What was restored from a dump, or written by the owner of the table: nobody can tell whether it was sent. */
  nobody: 'it was claimed under an epoch that no relay has had',
} as const

/**
 * Who has claimed it. An epoch above ours is an heir's, unless the lane was at ours when the row was read; and ours is
 * somebody else's where the claim is older than our hold of the lane.
 */
function claimantOf({ epoch, laneEpoch, msAgo }: Claimed, held: Held): keyof typeof says | 'heir' {
  const age = compareIds(epoch, held.epoch)
  if (age < 0) return 'predecessor'
  if (age > 0) return laneEpoch === held.epoch ? 'nobody' : 'heir'
  return msAgo > held.ms + claimSlackMs ? 'nobody' : 'us'
}

function atOnce(decision: Decision): Decision {
  return decision.status === 'pending' ? { ...decision, retryInMs: 0 } : decision
}
