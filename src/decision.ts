import type { Claim, Decision, OriginSign, Outcome } from './model.ts'

export interface RetryPolicy {
  /** Delay after the first failure before jitter, in milliseconds. */
  readonly baseMs: number
  /** No delay is longer, in milliseconds; a receiver's Retry-After neither. */
  readonly capMs: number
  /** Attempts for a callback that does not say itself. */
  readonly maxAttempts: number
}

/**
 * What a callback becomes after an attempt. Retried: everything that may be better next time, within the budget.
 *
 * A receiver's Retry-After lengthens the delay, up to the cap; it never shortens it and never adds attempts.
 *
 * @param random uniform in [0, 1); passed in so that tests are exact.
 */
export function decide(
  claim: Pick<Claim, 'attemptOfBudget' | 'maxAttempts'>,
  outcome: Outcome,
  policy: RetryPolicy,
  random: () => number,
): Decision {
  const error = outcome.error ?? 'no reason given'
  if (outcome.kind === 'delivered') return { status: 'delivered' }
  if (outcome.kind === 'rejected') return { status: 'dead', reason: `rejected: ${error}` }
  const budget = claim.maxAttempts ?? policy.maxAttempts
  if (claim.attemptOfBudget >= budget) {
    return { status: 'dead', reason: `gave up after ${claim.attemptOfBudget} of ${budget} attempts: ${error}` }
  }
  return {
    status: 'pending',
    retryInMs: Math.max(retryDelayMs(claim.attemptOfBudget, policy, random), askedMs(outcome, policy)),
    reason: error,
  }
}

/** How long the receiver asked to be left alone, up to the cap; 0: it did not. */
function askedMs({ retryAfterMs }: Outcome, { capMs }: Pick<RetryPolicy, 'capMs'>): number {
  return Math.min(retryAfterMs ?? 0, capMs)
}

/** Statuses by which a server, or the proxy in front of it, says that it has too much to do. */
const BUSY: ReadonlySet<number | null> = new Set([429, 502, 503, 504])

/**
 * What an attempt's end says about the origin. Any answer below 500 but 429 shows that it lives, a refusal too; no answer at
 * all, or an error of the server's own, that it may not. With a Retry-After a busy one says how long it wants to be left
 * alone, up to the cap.
 */
export function originSign(outcome: Outcome, policy: Pick<RetryPolicy, 'capMs'>): OriginSign {
  const { isOurs, httpStatus, startedAtMs, finishedAtMs } = outcome
  const isBusy = BUSY.has(httpStatus)
  const isWell = httpStatus !== null && httpStatus < 500 && !isBusy
  return {
    health: isOurs ? null : isBusy ? 'busy' : isWell ? 'well' : 'ill',
    restMs: isBusy ? askedMs(outcome, policy) : 0,
    startedAtMs,
    finishedAtMs,
  }
}

/**
 * Milliseconds to wait after failed attempt `attempt` (1-based): half of `min(capMs, baseMs * 2^(attempt-1))` for certain,
 * the other half at random, so relays that failed together do not come back together.
 *
 * With `{ baseMs: 1_000, capMs: 3_600_000 }`: attempt 1 -> 500..1,000; attempt 13 and later -> 1,800,000..3,600,000.
 *
 * @param random uniform in [0, 1); passed in so that tests are exact.
 */
export function retryDelayMs(
  attempt: number,
  policy: Pick<RetryPolicy, 'baseMs' | 'capMs'>,
  random: () => number,
): number {
  const full = Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1))
  return Math.round(full / 2 + (full / 2) * random())
}
