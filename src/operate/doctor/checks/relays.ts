import { databaseOf } from '../../../outbox/database.ts'
import type { Session } from '../../../outbox/session.ts'
import { type RelayStatus, readRelays } from '../../../outbox/status.ts'
import { check, fault, list, spell, warning } from '../check.ts'
import { readOverdueSeconds } from '../overdue-seconds.ts'

const relaysOf = (session: Session): Promise<RelayStatus[]> => readRelays(databaseOf(session))

/** The options in which settings differ. Values are not shown: they may be secrets. */
export function inWhat(differing: readonly string[]): string {
  return differing.length === 0 ? '' : ` (they differ in ${differing.map(name => `--${name}`).join(', ')})`
}

interface Served {
  readonly relays: number
  readonly overdueSeconds: number | null
}

export const noRelay = check<Served>({
  name: 'no-relay',
  read: async session => ({
    relays: (await relaysOf(session)).length,
    overdueSeconds: await readOverdueSeconds(session),
  }),
  judge({ relays, overdueSeconds }) {
    if (relays > 0) return null
    const severe = overdueSeconds === null ? warning : fault
    const waiting = overdueSeconds === null ? '' : `, and callbacks have waited for ${spell(overdueSeconds)}`
    return severe(`no relay runs here${waiting}`, 'nothing is delivered', 'start one: ringback run')
  },
})

export const lateRelays = check<readonly RelayStatus[]>({
  name: 'late-relays',
  read: relaysOf,
  judge(relays) {
    const late = relays.filter(each => each.renewedSecondsAgo > each.leaseSeconds)
    if (late.length === 0) return null
    const named = late.map(
      each => `${each.name} (pid ${each.pid} on ${each.host}) renewed ${spell(each.renewedSecondsAgo)} ago`,
    )
    return fault(
      `leases have run out: ${list(named)}`,
      'the relay is dead, stopped or cut off; its claimed callbacks wait until another relay takes them over',
      'look at that process and its log; start it again, or another',
    )
  },
})

export const standingBy = check<readonly RelayStatus[]>({
  name: 'standing-by',
  read: relaysOf,
  judge(relays) {
    const idle = relays.filter(each => each.standby !== null)
    if (idle.length === 0) return null
    return warning(
      `relays stand by: ${list(idle.map(({ name, standby, differing }) => `${name}, since ${standby}${inWhat(differing)}`))}`,
      'they deliver nothing; this is normal while settings change',
      'give all relays the same settings, or stop those with the old ones',
    )
  },
})

export const forcedSettings = check<readonly RelayStatus[]>({
  name: 'forced-settings',
  read: relaysOf,
  judge(relays) {
    const forcing = relays.filter(each => each.forces)
    if (forcing.length === 0) return null
    return warning(
      `relays run with --force-settings: ${list(forcing.map(each => each.name))}`,
      'all relays with other settings stand by, however many they are; among relays that force settings, the youngest wins',
      'give all relays the same settings, and restart these without --force-settings',
    )
  },
})

export const versions = check<readonly RelayStatus[]>({
  name: 'versions',
  read: relaysOf,
  judge(relays) {
    if (new Set(relays.map(each => each.version)).size < 2) return null
    return warning(
      `relays of different versions share the work: ${list(relays.map(each => `${each.name} ${each.version}`))}`,
      'this is normal during an upgrade; after it, the same callback may be treated in two ways',
      'finish the upgrade',
    )
  },
})
