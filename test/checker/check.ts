import { compareIds } from '../../src/ids.ts'
import { type Case, casesOf, idOf, isSettled, isSuccess, wasReplayedAfter } from './cases.ts'
import {
  type Arrival,
  type CheckOptions,
  type History,
  type Verdict,
  type Violation,
  type ViolationKind,
  violationKinds,
} from './history.ts'
import { orderOfKey } from './order.ts'
import * as rules from './rules.ts'

/**
 * Finds the broken promises in a history, row by row. It reports only what the history proves, and counts what it
 * cannot decide as `undecided`. Pure.
 */
export function check(history: History, options: CheckOptions = {}): Verdict {
  const cases = [...casesOf(history).values()]
  const judging = judgingOf(history, cases, options)
  const violations = cases.flatMap(each => {
    return (Object.keys(perCallback) as (keyof typeof perCallback)[]).flatMap(kind => {
      return perCallback[kind](each, judging).map(detail => violation(kind, each, detail))
    })
  })
  let undecided = 0
  for (const key of keysOf(cases, judging).values()) {
    const order = orderOfKey(key, judging)
    violations.push(...order.inversions.map(({ each, detail }) => violation('inversion', each, detail)))
    undecided += order.undecided
  }
  return {
    violations,
    counts: countOf(violations),
    committed: cases.filter(each => rules.committed(each, judging)).length,
    arrivals: history.arrivals.length,
    duplicates: cases.reduce((sum, each) => sum + duplicatesOf(each), 0),
    undecided,
  }
}

const perCallback = {
  lost: rules.lost,
  phantom: rules.phantom,
  unexplained: rules.unexplained,
  unrecorded: rules.unrecorded,
  misrecorded: rules.misrecorded,
  altered: rules.altered,
  stuck: rules.stuck,
}

function judgingOf(history: History, cases: readonly Case[], options: CheckOptions): rules.Judging {
  const rows = new Map(history.callbacks.map(row => [row.id, row]))
  const heads = new Map<string, string>()
  for (const { row } of cases) {
    if (!row || row.key === null || row.deletedAt !== undefined || isSettled(row)) continue
    const head = heads.get(row.key)
    if (head === undefined || compareIds(row.id, head) < 0) heads.set(row.key, row.id)
  }
  return {
    drained: false,
    allArrivals: true,
    ignoreDatabaseTimes: false,
    readAt: newest(history),
    claimLimitMs: 90_000,
    dueLimitMs: 600_000,
    keptMs: Infinity,
    keptDeadMs: Infinity,
    keepsDelivered: true,
    ...options,
    hasBook: history.written !== null,
    rowOf: id => rows.get(id),
    isBehind: ({ row }) => row !== undefined && row.key !== null && heads.get(row.key) !== row.id,
  }
}

function newest({ callbacks, attempts }: History): number {
  let at = 0
  for (const row of callbacks)
    at = Math.max(at, row.createdAt, row.claimedAt ?? 0, row.settledAt ?? 0, row.deletedAt ?? 0)
  for (const row of attempts) at = Math.max(at, row.finishedAt)
  return at
}

function keysOf(cases: readonly Case[], judging: rules.Judging): Map<string, Case[]> {
  const keys = new Map<string, Case[]>()
  for (const each of cases) {
    const key = each.row?.key ?? each.written?.key ?? null
    if (key === null || !rules.committed(each, judging)) continue
    const members = keys.get(key)
    if (members === undefined) keys.set(key, [each])
    else members.push(each)
  }
  return keys
}

function violation(kind: ViolationKind, each: Case, detail: string): Violation {
  return { kind, messageId: each.messageId, id: idOf(each), detail }
}

function countOf(violations: readonly Violation[]): Record<ViolationKind, number> {
  const counts = Object.fromEntries(violationKinds.map(kind => [kind, 0])) as Record<ViolationKind, number>
  for (const { kind } of violations) counts[kind] += 1
  return counts
}

/** How often the callback arrived again after a receiver had taken it. Arrivals right after a replay do not count. */
function duplicatesOf(each: Case): number {
  const first = each.arrivals.findIndex(isTaken)
  if (first < 0) return 0
  return each.arrivals.slice(first + 1).filter(({ attempt }) => !wasReplayedAfter(each, attempt - 1)).length
}

function isTaken({ answered }: Arrival): boolean {
  return answered === undefined || isSuccess(answered)
}
