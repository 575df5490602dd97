import type { Claim, Decision, OriginSign, Outcome } from '../model.ts'
import { callbackRules, receiverRules, ruleOf } from './answers.ts'
import type { DestinationSettings } from './destinations.ts'

export interface RetryPolicy {
  /** Delay after the first failure before jitter, in milliseconds. */
  readonly baseMs: number
  /** Longest delay that the relay chooses, in milliseconds. */
  readonly capMs: number
  /** Longest Retry-After that counts, in milliseconds. */
  readonly retryAfterCapMs: number
  /** The default of `max_attempts`, and what follows an outcome `unknown`. */
  readonly settingsOf: (origin: string) => Pick<DestinationSettings, 'maxAttempts' | 'unknown'>
}

/**
 * What a callback becomes after an attempt. A receiver's Retry-After can lengthen the delay, up to its cap. It never
 * shortens it and adds no attempts.
 *
 * @param random uniform in [0, 1).
 */
export function decide(
  claim: Pick<Claim, 'origin' | 'attemptOfBudget' | 'maxAttempts'>,
  outcome: Outcome,
  policy: RetryPolicy,
  random: () => number,
): Decision {
  const error = outcome.error ?? 'no reason given'
  const next = callbackRules[outcome.kind]
  if (next === 'delivered') return { status: 'delivered' }
  if (next === 'dead') return { status: 'dead', reason: `rejected: ${error}`, ...holdOf(outcome) }
  const { maxAttempts, unknown } = policy.settingsOf(claim.origin)
  if (outcome.kind === 'unknown' && unknown === 'hold')
    return { status: 'dead', reason: `unknown: ${error}; not sent again, as its origin is set to unknown: hold` }
  const budget = claim.maxAttempts ?? maxAttempts
  // An attempt aborted before its first byte does not count: a deploy must not use up the last attempt.
  const isSpent = claim.attemptOfBudget >= budget && !(outcome.kind === 'not_sent' && outcome.isAborted)
  if (isSpent) {
    return { status: 'dead', reason: `gave up after ${claim.attemptOfBudget} of ${budget} attempts: ${error}` }
  }
  return {
    status: 'pending',
    retryInMs: Math.max(retryDelayMs(claim.attemptOfBudget, policy, random), askedMs(outcome, policy)),
    reason: error,
  }
}

function holdOf(outcome: Outcome): { readonly holdsUrl?: true } {
  return ruleOf(outcome).holdsUrl ? { holdsUrl: true } : {}
}

/** The receiver's Retry-After, up to the cap; 0: there is none. */
function askedMs({ retryAfterMs }: Outcome, { retryAfterCapMs }: Pick<RetryPolicy, 'retryAfterCapMs'>): number {
  return Math.min(retryAfterMs ?? 0, retryAfterCapMs)
}

/**
 * What the end of an attempt says about the origin, by the rule of its answer. An attempt that the relay aborted says
 * nothing.
 */
export function originSign(outcome: Outcome, policy: Pick<RetryPolicy, 'retryAfterCapMs'>): OriginSign {
  const { isAborted, startedAtMs, finishedAtMs } = outcome
  const isOfConnection = outcome.kind === 'not_sent'
  const receiver = isAborted ? null : ruleOf(outcome).receiver
  const rests = receiver !== null && receiverRules[receiver].retryAfter === 'receiver'
  return { receiver, isOfConnection, restMs: rests ? askedMs(outcome, policy) : 0, startedAtMs, finishedAtMs }
}

/**
 * Milliseconds to wait after failed attempt `attempt` (1-based). Half of `min(capMs, baseMs * 2^(attempt-1))` is fixed,
 * the other half is random, so that relays which failed together do not retry together.
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
