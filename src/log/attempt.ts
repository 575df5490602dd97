import type { Claim, Decision, Outcome } from '../model.ts'
import type { LogFields } from './log.ts'

/** One wide line an attempt: every key always there, no url beyond its origin, no form. */
export function attemptFields(claim: Claim, outcome: Outcome, decision: Decision): LogFields {
  return {
    id: claim.id,
    message_id: claim.messageId,
    origin: claim.origin,
    ordering_key: claim.orderingKey,
    attempt: claim.attempt,
    outcome: outcome.kind,
    http_status: outcome.httpStatus,
    took_ms: Math.round(outcome.finishedAtMs - outcome.startedAtMs),
    becomes: decision.status,
    retry_in_ms: decision.status === 'pending' ? decision.retryInMs : null,
    error: outcome.error,
  }
}
