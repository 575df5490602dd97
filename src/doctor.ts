/** From facts to findings: each check is a small judgement of its own, without I/O, so that each can be tested with made-up facts. */
import { deliveryChecks } from './doctor/delivery.ts'
import type { Check, Finding } from './doctor/finding.ts'
import { serverChecks } from './doctor/server.ts'
import { storageChecks } from './doctor/storage.ts'
import type { Facts } from './outbox/doctor.ts'

export interface Diagnosis {
  /** How many checks there are. */
  readonly checks: number
  readonly findings: readonly (Finding & { readonly check: string })[]
  /** Names of the checks whose facts this role may not see. */
  readonly notMade: readonly string[]
}

/** In the order in which findings are told. */
export const checks: readonly Check[] = [...serverChecks, ...storageChecks, ...deliveryChecks]

export function diagnose(facts: Facts): Diagnosis {
  return {
    checks: checks.length,
    findings: checks.flatMap(({ name, judge }) => {
      const finding = judge(facts)
      return finding === null ? [] : [{ check: name, ...finding }]
    }),
    notMade: checks.filter(({ by }) => facts[by] === null).map(({ name }) => name),
  }
}
