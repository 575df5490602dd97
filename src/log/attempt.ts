import type { Claim, Decision, Outcome } from '../model.ts'
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
    trace: traceOf(claim.traceparent),
  }
}

/** The trace-id of a W3C traceparent; null: there is none. */
function traceOf(traceparent: string | null): string | null {
  return traceparent?.match(/^[\da-f]{2}-([\da-f]{32})-/)?.[1] ?? null
}
