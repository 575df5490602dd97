import type { Act, Arrival, AttemptRow, CallbackRow, History, Written } from './history.ts'

/** Everything that is known about one callback. */
export interface Case {
  readonly messageId: string
  written: Written | undefined
  row: CallbackRow | undefined
  /** Sorted by number. A number may have two records: of the relay that sent it, and of the one that took over. */
  readonly attempts: AttemptRow[]
  /** Sorted by number, then by time. */
  readonly arrivals: Arrival[]
  /** In the order of their commits. */
  readonly acts: Act[]
}

/** Sorts a history by callback. Leaves out attempts whose row is not in the table. */
export function casesOf(history: History): Map<string, Case> {
  const cases = new Map<string, Case>()
  const of = (messageId: string): Case => {
    const known = cases.get(messageId)
    if (known !== undefined) return known
    const fresh = { messageId, written: undefined, row: undefined, attempts: [], arrivals: [], acts: [] }
    cases.set(messageId, fresh)
    return fresh
  }
  for (const written of history.written ?? []) of(written.messageId).written = written
  for (const row of history.callbacks) of(row.messageId).row = row
  for (const attempt of history.attempts) {
    const each = cases.get(attempt.messageId)
    if (each?.row !== undefined) each.attempts.push(attempt)
  }
  for (const arrival of history.arrivals) of(arrival.messageId).arrivals.push(arrival)
  for (const act of history.acts) of(act.messageId).acts.push(act)
  for (const { attempts, arrivals } of cases.values()) {
    attempts.sort((a, b) => a.attempt - b.attempt)
    arrivals.sort((a, b) => a.attempt - b.attempt || a.at - b.at)
  }
  return cases
}

export function idOf({ row, written }: Case): string | null {
  return row?.id ?? written?.id ?? null
}

export function isSettled({ status }: CallbackRow): boolean {
  return status !== 'pending' && status !== 'claimed'
}

/** Whether the answer was a 2xx. The relay's own table of statuses is not used, since the checker checks it. */
export function isSuccess(answered: number | null | undefined): boolean {
  return answered != null && answered >= 200 && answered < 300
}

/** The records of one attempt. */
export function recordsOf({ attempts }: Case, attempt: number): AttemptRow[] {
  return attempts.filter(row => row.attempt === attempt)
}

/** Whether the callback was replayed after that attempt. Without operators' acts, only its last replay is known. */
export function wasReplayedAfter({ acts, row }: Case, attempt: number): boolean {
  const isLast = attempt > 0 && row?.budgetFrom === attempt
  return isLast || acts.some(({ act, attempts }) => act === 'replay' && attempts === attempt)
}
