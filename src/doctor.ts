import type { Examination, Finding, Patience } from './doctor/check.ts'
import { autovacuum } from './doctor/checks/autovacuum.ts'
import { clock } from './doctor/checks/clock.ts'
import { connectionLimit } from './doctor/checks/connection-limit.ts'
import { dead } from './doctor/checks/dead.ts'
import { durability } from './doctor/checks/durability.ts'
import { foreignIndexes, indexesOnClaimedColumns, missingIndexes } from './doctor/checks/indexes.ts'
import { notificationQueue } from './doctor/checks/notification-queue.ts'
import { oldHolds } from './doctor/checks/old-holds.ts'
import { countHidden, openTransactions } from './doctor/checks/open-transactions.ts'
import { overdue } from './doctor/checks/overdue.ts'
import { pooler, readAnswers } from './doctor/checks/pooler.ts'
import { preparedTransactions } from './doctor/checks/prepared-transactions.ts'
import { privileges } from './doctor/checks/privileges.ts'
import { lanesWithoutOwner, lateRelays, noRelay, versions } from './doctor/checks/relays.ts'
import { rowSecurity } from './doctor/checks/row-security.ts'
import { sequenceCache } from './doctor/checks/sequence-cache.ts'
import { slotsAndStandbys } from './doctor/checks/slots-and-standbys.ts'
import { stalled } from './doctor/checks/stalled.ts'
import { standby } from './doctor/checks/standby.ts'
import { synchronousStandby } from './doctor/checks/synchronous-standby.ts'
import { tableLocks } from './doctor/checks/table-locks.ts'
import { tableAutovacuum, tableParameters } from './doctor/checks/table-parameters.ts'
import { timeouts } from './doctor/checks/timeouts.ts'
import { foreignTriggers, missingTriggers } from './doctor/checks/triggers.ts'
import { twoPhase } from './doctor/checks/two-phase.ts'
import { wraparound } from './doctor/checks/wraparound.ts'
import { checkSchema } from './outbox/installed.ts'
import type { Session } from './outbox/session.ts'
import { commandSettings, settle } from './outbox/settings.ts'

export interface Diagnosis {
  /** How many checks there are. */
  readonly checks: number
  readonly findings: readonly (Finding & { readonly check: string })[]
  /** Names of the checks that could not be made. */
  readonly notMade: readonly string[]
  /** What could not be looked at, and why; a sentence each. */
  readonly notLookedAt: readonly string[]
}

/** In the order in which findings are told. */
const checks: readonly Examination[] = [
  clock,
  standby,
  synchronousStandby,
  wraparound,
  connectionLimit,
  tableLocks,
  twoPhase,
  preparedTransactions,
  openTransactions,
  slotsAndStandbys,
  notificationQueue,
  durability,
  timeouts,
  sequenceCache,
  indexesOnClaimedColumns,
  foreignIndexes,
  missingIndexes,
  foreignTriggers,
  missingTriggers,
  rowSecurity,
  privileges,
  tableParameters,
  tableAutovacuum,
  autovacuum,
  noRelay,
  stalled,
  lateRelays,
  lanesWithoutOwner,
  versions,
  overdue,
  oldHolds,
  dead,
]

/** What cannot be looked at for lack of a right, because somebody has locked it, or because it takes too long. */
const passedOver = ['42501', '55P03', '57014']

/**
 * Makes every check, in one transaction that changes nothing. What this role may not see is left out and named, and so is what
 * somebody else has locked; each check runs behind a savepoint, since a refused statement would end the transaction.
 *
 * @throws SchemaError when the schema is missing, too old or too new.
 */
export async function diagnose(session: Session, patience: Patience = { watchMs: 10_000 }): Promise<Diagnosis> {
  const all = [pooler(await readAnswers(session)), ...checks]
  await session.run('begin isolation level read committed read only')
  await settle(session, { ...commandSettings(20_000), lock_timeout: '2s' }, 'transaction')
  const unseen = new Map<string, string[]>()
  const findings: Diagnosis['findings'][number][] = []
  await ifAllowed(session, 'the version of the schema', () => checkSchema(session, session.schema), unseen)
  for (const { name, examine } of all) {
    const finding = await ifAllowed(session, name, () => examine(session, patience), unseen)
    if (finding) findings.push({ check: name, ...finding })
  }
  const hidden = await countHidden(session)
  await session.run('commit')
  const notMade = [...unseen.values()].flat().filter(name => all.some(each => each.name === name))
  const notLookedAt = [...unseen].map(([why, names]) => `${names.join(', ')}: ${why}`)
  if (hidden > 0)
    notLookedAt.push(`the transactions of ${hidden} sessions of other roles: it takes the role pg_read_all_stats`)
  return { checks: all.length, findings, notMade, notLookedAt }
}

/** @param unseen why, and what could not be looked at for that reason. */
async function ifAllowed<T>(
  session: Session,
  what: string,
  look: () => Promise<T>,
  unseen: Map<string, string[]>,
): Promise<T | undefined> {
  await session.run('savepoint look')
  try {
    return await look()
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    if (code === undefined || !passedOver.includes(code)) throw error
    await session.run('rollback to savepoint look')
    unseen.set(message, [...(unseen.get(message) ?? []), what])
    return undefined
  }
}
