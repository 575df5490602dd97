import { decide, type RetryPolicy } from './decision.ts'
import { compareIds } from './ids.ts'
import type { Attempt, Decision, Outcome } from './model.ts'
import type { Listed } from './outbox/fetch.ts'

/**
 * What is to be recorded of a row that is claimed while nobody here is sending it.
 *
 * Claimed under an older epoch of the lane: its relay is dead, or has lost the lane; the POST may have arrived. Under the
 * present epoch: the claim was committed and its reply lost, so no POST can have started. Either way it is due at once,
 * within its budget: a row that brings relays down must not do so for ever. What may have arrived is dead instead where its
 * origin is set to `unknown: hold`.
 *
 * @param epoch the lane's present epoch, which this relay holds.
 * @returns undefined for a row that a later owner has claimed: it is not ours to judge.
 */
export function recover(row: Listed, epoch: string, policy: RetryPolicy, now: number): Attempt | undefined {
  const { claimed } = row
  if (claimed === null) return undefined
  const age = compareIds(claimed.epoch, epoch)
  if (age > 0) return undefined
  const outcome: Outcome = {
    kind: age < 0 ? 'unknown' : 'not_sent',
    httpStatus: null,
    error:
      age < 0
        ? 'the relay that sent it died or lost its lane before it recorded the outcome'
        : 'the reply to the claim was lost',
    responseExcerpt: null,
    retryAfterMs: null,
    startedAtMs: now - claimed.msAgo,
    finishedAtMs: now,
  }
  return {
    id: row.id,
    messageId: claimed.messageId,
    attempt: claimed.attempt,
    epoch: claimed.epoch,
    writtenEpoch: epoch,
    outcome,
    decision: atOnce(decide({ ...claimed, origin: row.origin }, outcome, policy, () => 0)),
  }
}

function atOnce(decision: Decision): Decision {
  return decision.status === 'pending' ? { ...decision, retryInMs: 0 } : decision
}
