/**
 * What each answer means for the callback, for its URL and for the receiver. docs/reference/wire.md shows these tables,
 * and a test compares the two. `decision.ts` says what follows for a callback.
 */
import type { OriginSign, Outcome, OutcomeKind } from '../model.ts'

/** How an answer to a POST, or the lack of one, is judged. */
export interface ResponseRule {
  /** The answer, in the words of docs/reference/wire.md. */
  readonly answer: string
  /**
   * First and last status of each range. Empty: no answer came, and the code that made the outcome has set its kind.
   */
  readonly statuses: readonly (readonly [first: number, last: number])[]
  readonly outcome: OutcomeKind
  /** What the receiver then counts as, see `receiverRules`; null: nothing is known of it. */
  readonly receiver: OriginSign['receiver']
  /** The endpoint is gone: its URL is held until an operator releases it. */
  readonly holdsUrl?: true
}

/**
 * The first rule with the status applies. A 4xx is permanent, except 408 (timed out), 425 (too early) and 429 (too
 * many). A status above 599 is undefined, and counts as a server error.
 */
export const responseRules: readonly ResponseRule[] = [
  { answer: '2xx', statuses: [[200, 299]], outcome: 'delivered', receiver: 'alive' },
  { answer: '408, 425', statuses: [only(408), only(425)], outcome: 'failed', receiver: 'alive' },
  { answer: '429', statuses: [only(429)], outcome: 'failed', receiver: 'overloaded' },
  { answer: '410', statuses: [only(410)], outcome: 'rejected', receiver: 'alive', holdsUrl: true },
  { answer: 'any other 4xx', statuses: [[400, 499]], outcome: 'rejected', receiver: 'alive' },
  { answer: '3xx; redirects are never followed', statuses: [[300, 399]], outcome: 'failed', receiver: 'alive' },
  { answer: '502, 503, 504', statuses: [[502, 504]], outcome: 'failed', receiver: 'overloaded' },
  { answer: 'any other status', statuses: [[500, 999]], outcome: 'failed', receiver: 'failing' },
  { answer: 'none: refused, no such name, TLS', statuses: [], outcome: 'not_sent', receiver: 'failing' },
  { answer: 'none within the deadline', statuses: [], outcome: 'unknown', receiver: 'silent' },
  { answer: 'none: reset, the relay died', statuses: [], outcome: 'unknown', receiver: 'failing' },
  {
    answer: 'none: the form or the url cannot be sent, or the address is refused',
    statuses: [],
    outcome: 'rejected',
    receiver: null,
  },
]

/** For a 2xx that does not meet the receiver's rule (`success.ts`), by the outcome. */
export const mismatchRules: readonly ResponseRule[] = [
  { answer: '2xx, but not as `success` asks', statuses: [], outcome: 'failed', receiver: 'failing' },
  { answer: 'the same, with `mismatch: rejected`', statuses: [], outcome: 'rejected', receiver: 'alive' },
  {
    answer: '2xx, but the end of the body that `success` asks for is missing',
    statuses: [],
    outcome: 'unknown',
    receiver: 'failing',
  },
]

/** What a callback becomes after an attempt with this outcome. `retried`: within its budget of attempts. */
export const callbackRules: Readonly<Record<OutcomeKind, 'delivered' | 'retried' | 'dead'>> = {
  delivered: 'delivered',
  failed: 'retried',
  not_sent: 'retried',
  unknown: 'retried',
  rejected: 'dead',
}

/** How a receiver in this state is treated. */
export interface ReceiverRule {
  /** The number of POSTs that it may have at once. */
  readonly window: 'grows' | 'stays' | 'halves' | 'shrinks with their share'
  /**
   * The breaker opens after a number of failures in a row. `failure if alone`: only if no other attempt was answered
   * meanwhile.
   */
  readonly breaker: 'success' | 'failure' | 'failure if alone'
  /**
   * What a Retry-After delays: this callback, or all that go to the receiver. null: without an answer there is no
   * Retry-After.
   */
  readonly retryAfter: 'callback' | 'receiver' | null
}

/** Any answer below 500 except 429 shows that the receiver is alive, even a refusal. */
export const receiverRules: Readonly<Record<NonNullable<OriginSign['receiver']>, ReceiverRule>> = {
  alive: { window: 'grows', breaker: 'success', retryAfter: 'callback' },
  overloaded: { window: 'shrinks with their share', breaker: 'failure', retryAfter: 'receiver' },
  failing: { window: 'stays', breaker: 'failure', retryAfter: 'callback' },
  silent: { window: 'halves', breaker: 'failure if alone', retryAfter: null },
}

/**
 * The outcome of an attempt, from the status of its answer.
 *
 * @param status of the final answer, 200 to 999.
 * @param retried refusals that the origin's settings retry.
 */
export function outcomeOfStatus(status: number, retried: readonly number[]): OutcomeKind {
  const { outcome } = ruleOfStatus(status)
  return outcome === 'rejected' && retried.includes(status) ? 'failed' : outcome
}

/** The rule behind an outcome, before the origin's settings apply. */
export function ruleOf(ended: Pick<Outcome, 'kind' | 'httpStatus' | 'isSilent'>): ResponseRule {
  const { kind, httpStatus, isSilent } = ended
  const isMismatch = httpStatus !== null && httpStatus < 300 && kind !== 'delivered'
  if (httpStatus !== null && !isMismatch) return ruleOfStatus(httpStatus)
  const rule = (isMismatch ? mismatchRules : responseRules).find(
    ({ statuses, outcome, receiver }) =>
      statuses.length === 0 && outcome === kind && (receiver === 'silent') === (isSilent ?? false),
  )
  if (rule === undefined) throw new Error(`An attempt without an answer ended as ${kind}`)
  return rule
}

function ruleOfStatus(status: number): ResponseRule {
  const rule = responseRules.find(({ statuses }) => statuses.some(([first, last]) => first <= status && status <= last))
  if (rule === undefined) throw new Error(`An answer had the status ${status}`)
  return rule
}

function only(status: number): readonly [number, number] {
  return [status, status]
}
