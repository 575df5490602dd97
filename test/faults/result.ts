import type { Verdict } from '../checker/history.ts'

export interface Figure {
  readonly name: string
  readonly value: number
  /** `ms`, `/s`, or nothing. */
  readonly unit: string
}

/** How a scenario ended, and what it measured. */
export interface Result {
  readonly number: number
  readonly title: string
  readonly seed: number
  readonly isShort: boolean
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it was skipped; what failed it. */
  readonly reasons: readonly string[]
  readonly seconds: number
  readonly figures: readonly Figure[]
  /** Null: it did not get as far as to be checked. */
  readonly verdict: Pick<Verdict, 'counts' | 'committed' | 'arrivals' | 'duplicates' | 'undecided'> | null
  readonly faults: number
  /** What was kept for whoever looks into a failure. */
  readonly folder: string | null
}

/** The old results with the fresh ones in place of those of the same scenarios, by number. */
export function replaced(old: readonly Result[], fresh: readonly Result[]): Result[] {
  const byNumber = new Map([...old, ...fresh].map(result => [result.number, result]))
  return [...byNumber.values()].sort((a, b) => a.number - b.number)
}

/** Without what only helps to look into a failure. */
export function toKeep(result: Result): Result {
  if (result.verdict === null) return { ...result, folder: null }
  const { counts, committed, arrivals, duplicates, undecided } = result.verdict
  return { ...result, folder: null, verdict: { counts, committed, arrivals, duplicates, undecided } }
}

export function formatResults(results: readonly Result[]): string {
  return `${JSON.stringify(results, null, 2)}\n`
}
