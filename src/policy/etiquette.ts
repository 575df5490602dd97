import type { OriginSign, Outcome, OutcomeKind } from '../model.ts'

/** How one kind of answer, or the lack of one, is taken. */
export interface Rule {
  /** What came, in the words of the README. */
  readonly answer: string
  /** First and last status of each range; none: no answer came, and the outcome itself says why. */
  readonly statuses: readonly (readonly [first: number, last: number])[]
  readonly outcome: OutcomeKind
  /** No answer came within the deadline, though the request had been sent. */
  readonly isSilent?: true
  /** The receiver has said that the endpoint is gone: nothing more goes to the url until an operator lets it. */
  readonly holdsUrl?: true
  /** What it says about the origin; null: nothing. */
  readonly health: OriginSign['health']
}

/**
 * All that an answer can mean; the first rule that has its status holds. 4xx are refusals of the request, but for those
 * that speak of now: timed out, too early, too many. Codes that do not exist are taken for failures of the server.
 *
 * The README shows this table; a test holds the two against each other.
 */
export const etiquette: readonly Rule[] = [
  { answer: '2xx', statuses: [[200, 299]], outcome: 'delivered', health: 'well' },
  { answer: '408, 425', statuses: [only(408), only(425)], outcome: 'failed', health: 'well' },
  { answer: '429', statuses: [only(429)], outcome: 'failed', health: 'busy' },
  { answer: '410', statuses: [only(410)], outcome: 'rejected', holdsUrl: true, health: 'well' },
  { answer: 'any other 4xx', statuses: [[400, 499]], outcome: 'rejected', health: 'well' },
  { answer: '3xx; redirects are never followed', statuses: [[300, 399]], outcome: 'failed', health: 'well' },
  { answer: '502, 503, 504', statuses: [[502, 504]], outcome: 'failed', health: 'busy' },
  { answer: 'any other status', statuses: [[500, 999]], outcome: 'failed', health: 'ill' },
  { answer: 'none: refused, no such name, TLS', statuses: [], outcome: 'not_sent', health: 'ill' },
  { answer: 'none within the deadline', statuses: [], outcome: 'unknown', isSilent: true, health: 'silent' },
  { answer: 'none: reset, the relay died', statuses: [], outcome: 'unknown', health: 'ill' },
  {
    answer: 'none: the form or the url cannot be sent, or the address is refused',
    statuses: [],
    outcome: 'rejected',
    health: null,
  },
]

/** What a callback becomes after an attempt that ended so; `again`: sent once more, within its budget. */
export const becomes: Readonly<Record<OutcomeKind, 'delivered' | 'again' | 'dead'>> = {
  delivered: 'delivered',
  failed: 'again',
  not_sent: 'again',
  unknown: 'again',
  rejected: 'dead',
}

/**
 * How an attempt ended, by the status of its answer.
 *
 * @param status of the final answer, 200 to 999; 1xx are not answers.
 * @param retried statuses that the origin's settings have tried again, though they would be refusals.
 */
export function outcomeOfStatus(status: number, retried: readonly number[]): OutcomeKind {
  const { outcome } = ruleOfStatus(status)
  return outcome === 'rejected' && retried.includes(status) ? 'failed' : outcome
}

/** The rule by which an outcome was found, or would have been without its origin's settings. */
export function ruleOf({ kind, httpStatus, isSilent }: Pick<Outcome, 'kind' | 'httpStatus' | 'isSilent'>): Rule {
  if (httpStatus !== null) return ruleOfStatus(httpStatus)
  const rule = etiquette.find(
    ({ statuses, outcome, ...rule }) => statuses.length === 0 && outcome === kind && rule.isSilent === isSilent,
  )
  if (rule === undefined) throw new Error(`An attempt without an answer ended as ${kind}`)
  return rule
}

function ruleOfStatus(status: number): Rule {
  const rule = etiquette.find(({ statuses }) => statuses.some(([first, last]) => first <= status && status <= last))
  if (rule === undefined) throw new Error(`An answer had the status ${status}`)
  return rule
}

function only(status: number): readonly [number, number] {
  return [status, status]
}
