import type { Claim, Decision, Outcome } from './model.ts'

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
  const hint = Math.min(outcome.retryAfterMs ?? 0, policy.capMs)
  return {
    status: 'pending',
    retryInMs: Math.max(retryDelayMs(claim.attemptOfBudget, policy, random), hint),
    reason: error,
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
