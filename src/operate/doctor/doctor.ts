import { checkSchema } from '../../outbox/installed.ts'
import type { Session } from '../../outbox/session.ts'
import { commandSettings, settle } from '../../outbox/settings.ts'
import type { Examination, Finding, Patience } from './check.ts'
import { autovacuum } from './checks/autovacuum.ts'
import { clock } from './checks/clock.ts'
import { connectionLimit } from './checks/connection-limit.ts'
import { dead } from './checks/dead.ts'
import { durability } from './checks/durability.ts'
import { failingReceivers } from './checks/failing-receivers.ts'
import { idleFunctions } from './checks/idle-functions.ts'
import { foreignIndexes, indexesOnClaimedColumns, missingIndexes } from './checks/indexes.ts'
import { notificationQueue } from './checks/notification-queue.ts'
import { oldHolds } from './checks/old-holds.ts'
import { countHidden, openTransactions } from './checks/open-transactions.ts'
import { overdue } from './checks/overdue.ts'
import { pooler, readAnswers } from './checks/pooler.ts'
import { preparedTransactions } from './checks/prepared-transactions.ts'
import { privileges } from './checks/privileges.ts'
import { forcedSettings, lateRelays, noRelay, standingBy, versions } from './checks/relays.ts'
import { retention } from './checks/retention.ts'
import { rowSecurity } from './checks/row-security.ts'
import { sequenceCache } from './checks/sequence-cache.ts'
import { slotsAndStandbys } from './checks/slots-and-standbys.ts'
import { stalled } from './checks/stalled.ts'
import { standby } from './checks/standby.ts'
import { synchronousStandby } from './checks/synchronous-standby.ts'
import { tableLocks } from './checks/table-locks.ts'
import { tableAutovacuum, tableParameters } from './checks/table-parameters.ts'
import { timeouts } from './checks/timeouts.ts'
import { foreignTriggers, missingTriggers } from './checks/triggers.ts'
import { twoPhase } from './checks/two-phase.ts'
import { wraparound } from './checks/wraparound.ts'

export interface Diagnosis {
  /** How many checks there are. */
  readonly checks: number
  readonly findings: readonly (Finding & { readonly check: string })[]
  /** Names of the checks that could not be made. */
  readonly notMade: readonly string[]
  /** A sentence for each fact that could not be read, with the reason. */
  readonly notLookedAt: readonly string[]
}

/** In the order in which findings are shown. */
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
  idleFunctions,
  rowSecurity,
  privileges,
  tableParameters,
  tableAutovacuum,
  autovacuum,
  noRelay,
  stalled,
  failingReceivers,
  lateRelays,
  standingBy,
  forcedSettings,
  versions,
  overdue,
  oldHolds,
  retention,
  dead,
]

/** SQLSTATEs that skip a check: no privilege, a lock, a timeout. */
const passedOver = ['42501', '55P03', '57014']

/**
 * Makes every check, in one transaction that changes nothing. The result names checks that could not be made.
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

/**
 * Runs behind a savepoint, since a failed statement ends the transaction.
 *
 * @param unseen by reason: what could not be read.
 */
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
