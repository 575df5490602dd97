import { compareIds } from '../../src/ids.ts'
import { type Case, isSettled, isSuccess, recordsOf, wasReplayedAfter } from './cases.ts'
import type { Arrival, CallbackRow, CheckOptions } from './history.ts'

/** What a rule may use beside the callback itself. */
export interface Judging extends Required<CheckOptions> {
  /** Whether producers kept a book. */
  readonly hasBook: boolean
  readonly rowOf: (id: string) => CallbackRow | undefined
  /** Whether an earlier row of the same key is not settled. */
  readonly isBehind: (each: Case) => boolean
}

/** Returns a sentence for each violation of one callback. */
type Rule = (each: Case, judging: Judging) => string[]

export function committed(each: Case, { hasBook, keepsDelivered }: Judging): boolean {
  const { written, row } = each
  if (!hasBook) return row !== undefined
  if (written?.committedAt === 'unknown') return row !== undefined || (!keepsDelivered && wasTaken(each))
  return written !== undefined && written.committedAt !== null
}

export const lost: Rule = (each, judging) => {
  const { row, attempts } = each
  if (!committed(each, judging)) return []
  if (row === undefined) {
    if (judging.keepsDelivered) return ['was committed, and is not in the table']
    return wasTaken(each) ? [] : ['was committed, is not in the table, and was never answered with 2xx']
  }
  if (row.deletedAt !== undefined) return deletedTooSoon(row, judging)
  if (row.status === 'dead' && !row.lastError) return ['is dead without a reason']
  const [, newer] = row.status === 'cancelled' ? (/^superseded by (\d+)$/.exec(row.lastError ?? '') ?? []) : []
  if (newer !== undefined) return wronglySuperseded(row, newer, judging)
  if (!judging.drained || isSettled(row)) return []
  return [`is still ${row.status} after ${attempts.length} attempts`]
}

/** The row that superseded it must exist, be newer, and have the same keys. */
function wronglySuperseded(row: CallbackRow, by: string, { rowOf, keepsDelivered }: Judging): string[] {
  const newer = rowOf(by)
  if (newer === undefined) return keepsDelivered ? [`was superseded by ${by}, which is not in the table`] : []
  if (compareIds(by, row.id) <= 0) return [`was superseded by ${by}, which is not newer`]
  const isSame = newer.key === row.key && (newer.supersedeKey ?? null) === (row.supersedeKey ?? null)
  return isSame ? [] : [`was superseded by ${by}, which has other keys`]
}

function deletedTooSoon(row: CallbackRow, { keptMs, keptDeadMs, ignoreDatabaseTimes }: Judging): string[] {
  const { status, settledAt, deletedAt } = row
  const leastMs = status === 'delivered' ? keptMs : keptDeadMs
  if (!isSettled(row) || leastMs === Infinity) return [`was deleted when it was ${status}`]
  const ageMs = (deletedAt ?? Infinity) - (settledAt ?? Infinity)
  if (ageMs >= leastMs || ignoreDatabaseTimes) return []
  return [`was deleted ${seconds(ageMs)} after it was ${status}`]
}

/** Whether a receiver answered with 2xx. */
function wasTaken({ arrivals }: Case): boolean {
  return arrivals.some(({ answered }) => isSuccess(answered))
}

export const phantom: Rule = (each, judging) => {
  if (!committed(each, judging)) {
    const why = judging.hasBook ? 'was never committed' : 'is not in the table'
    return each.arrivals.map(({ attempt }) => `arrived as attempt ${attempt}, and ${why}`)
  }
  const cancelled = each.acts.filter(({ act, attempts }) => act === 'cancel' && !wasReplayedAfter(each, attempts))
  const since = Math.min(...cancelled.map(({ attempts }) => attempts))
  const late = each.arrivals.filter(({ attempt }) => attempt > since)
  if (late.length === 0) return startedAfterCancel(each, judging)
  return late.map(({ attempt }) => `arrived as attempt ${attempt}, though cancelled after attempt ${since}`)
}

/** As above, by the database's times, which need no book of operators' acts. */
function startedAfterCancel({ row, attempts }: Case, { ignoreDatabaseTimes }: Judging): string[] {
  if (row?.status !== 'cancelled' || ignoreDatabaseTimes) return []
  const since = row.settledAt ?? Infinity
  const late = attempts.filter(({ startedAt, outcome }) => startedAt > since && outcome !== 'not_sent')
  return late.map(({ attempt }) => `attempt ${attempt} started after it was cancelled`)
}

export const unexplained: Rule = (each, { hasBook, keepsDelivered }) => {
  const { arrivals, row } = each
  return arrivals.slice(1).flatMap((arrival, before) => {
    const previous = arrivals[before]
    const last = arrival.attempt - 1
    if (previous?.attempt === arrival.attempt) return [`arrived twice as attempt ${arrival.attempt}`]
    if (row === undefined && !keepsDelivered) return []
    const records = recordsOf(each, last)
    if (records.some(({ outcome }) => outcome !== 'delivered') || wasReplayedAfter(each, last)) return []
    // Without a book of operators' acts, only the last replay is known.
    if (!hasBook && (row?.budgetFrom ?? 0) > last) return []
    const why = records.length === 0 ? 'is not on record' : 'is on record as delivered'
    return [`arrived again as attempt ${arrival.attempt}, though attempt ${last} ${why} and nobody replayed it`]
  })
}

export const unrecorded: Rule = ({ row, attempts, arrivals }) => {
  if (row === undefined) return []
  const underWay = row.status === 'claimed' ? row.attempts : null
  const known = new Set(attempts.map(({ attempt }) => attempt))
  const wanted = new Set(arrivals.map(({ attempt }) => attempt))
  const faults = [...wanted].flatMap(attempt =>
    known.has(attempt) || attempt === underWay ? [] : [`arrived as attempt ${attempt}, which is not on record`],
  )
  for (let attempt = 1; attempt <= row.attempts; attempt += 1) {
    if (known.has(attempt) || wanted.has(attempt) || attempt === underWay) continue
    faults.push(`was claimed for attempt ${attempt}, which is not on record`)
  }
  return faults
}

export const misrecorded: Rule = ({ row, attempts, arrivals }, { allArrivals }) => {
  const faults = attempts.flatMap(({ attempt, outcome, httpStatus }) => {
    const seen = arrivals.filter(arrival => arrival.attempt === attempt)
    if (outcome === 'not_sent' && seen.length > 0) return [`attempt ${attempt} is on record as not sent, and arrived`]
    if (outcome === 'delivered' && allArrivals && seen.length === 0)
      return [`attempt ${attempt} is on record as delivered, and never arrived`]
    const answers = seen.flatMap(({ answered }) => (answered === undefined ? [] : [answered]))
    if (httpStatus === null && outcome !== 'delivered') return []
    if (answers.length === 0 || answers.some(answered => answered !== null && agrees(answered, outcome, httpStatus)))
      return []
    const record = httpStatus === null ? outcome : `${outcome}, ${httpStatus}`
    return [`attempt ${attempt} is on record as ${record}; the receiver answered ${answers.map(said).join(' and ')}`]
  })
  const wasDelivered = attempts.some(({ outcome }) => outcome === 'delivered')
  return row?.status === 'delivered' && !wasDelivered ? [...faults, 'is delivered without such an attempt'] : faults
}

function agrees(answered: number, outcome: string, httpStatus: number | null): boolean {
  return (httpStatus ?? answered) === answered && (outcome !== 'delivered' || isSuccess(answered))
}

function said(answered: number | null): string {
  return answered === null ? 'nothing' : String(answered)
}

export const altered: Rule = ({ written, row, arrivals }) => {
  const bodies = written?.bodies ?? (row?.body == null ? null : [row.body])
  if (bodies === null) return []
  // The table holds the last amended form. Earlier attempts may have sent another one.
  const judged = written?.bodies ? arrivals : arrivals.filter(({ attempt }) => attempt === row?.attempts)
  const wrong = judged.filter(({ body }: Arrival) => body !== null && !bodies.includes(body))
  return wrong.map(({ attempt, body }) => {
    return `arrived as attempt ${attempt} with ${JSON.stringify(body)}; written was ${bodies.map(each => JSON.stringify(each)).join(' or ')}`
  })
}

export const stuck: Rule = (each, { drained, readAt, claimLimitMs, dueLimitMs, isBehind }) => {
  const { row } = each
  if (row === undefined || row.deletedAt !== undefined || drained || isSettled(row)) return []
  if (row.status === 'claimed') {
    const ageMs = readAt - (row.claimedAt ?? readAt)
    return ageMs > claimLimitMs ? [`has been claimed for ${seconds(ageMs)}`] : []
  }
  const overdueMs = readAt - (row.dueAt ?? row.createdAt)
  return overdueMs > dueLimitMs && !isBehind(each) ? [`has been due for ${seconds(overdueMs)}`] : []
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000).toLocaleString('en')} s`
}
