import type { Act, Arrival, AttemptRow, CallbackRow, History, Written } from './history.ts'

/** All that is known of one callback. */
export interface Case {
  readonly messageId: string
  written: Written | undefined
  row: CallbackRow | undefined
  /** By number; one number may have several, an heir's and a zombie's. */
  readonly attempts: AttemptRow[]
  /** By number, then time. */
  readonly arrivals: Arrival[]
  /** In the order in which they were committed. */
  readonly acts: Act[]
}

/** Puts a history together, callback by callback. An attempt of a row that is not in the table is left out: nobody can have sent it. */
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

/** 2xx. Not asked of the relay's own table of statuses, which is what is being checked. */
export function isSuccess(answered: number | null | undefined): boolean {
  return answered != null && answered >= 200 && answered < 300
}

/** What is on record of one attempt. */
export function recordsOf({ attempts }: Case, attempt: number): AttemptRow[] {
  return attempts.filter(row => row.attempt === attempt)
}

/** Whether the callback was replayed when it had been attempted so often. Without operators' acts the last replay alone is known. */
export function wasReplayedAfter({ acts, row }: Case, attempt: number): boolean {
  const isLast = attempt > 0 && row?.budgetFrom === attempt
  return isLast || acts.some(({ act, attempts }) => act === 'replay' && attempts === attempt)
}
