import type { OutcomeKind } from '../model.ts'

/** 4xx that speak of now, not of the request: timed out, too early, too many. */
const TRY_AGAIN_LATER: ReadonlySet<number> = new Set([408, 425, 429])

/**
 * How an attempt ended, by the status of its answer: 2xx `delivered`; 4xx `rejected`, with 410 the receiver's way to say
 * that the endpoint is gone for good; 408, 425, 429 and everything else (3xx, 5xx, codes that do not exist) `failed`.
 *
 * @param status of the final answer, 200 or more; 1xx are not answers.
 */
export function outcomeOfStatus(status: number): OutcomeKind {
  if (status >= 200 && status <= 299) return 'delivered'
  if (status >= 400 && status <= 499 && !TRY_AGAIN_LATER.has(status)) return 'rejected'
  return 'failed'
}
