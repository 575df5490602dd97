import type { Claim, Decision, Outcome } from '../model.ts'
import { traceContextOf } from '../trace-context.ts'
import type { LogFields } from './log.ts'

/**
 * The one wide log line of an attempt. Every key is always there. It holds the origin of the URL and nothing else of
 * it, and no form.
 *
 * @param relay the relay's name.
 */
export function attemptFields(relay: string, claim: Claim, outcome: Outcome, decision: Decision): LogFields {
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
    relay,
    trace: claim.traceparent === null ? null : (traceContextOf(claim.traceparent)?.traceId ?? null),
  }
}
