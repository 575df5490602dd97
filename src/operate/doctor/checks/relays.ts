import { databaseOf } from '../../../outbox/database.ts'
import type { Session } from '../../../outbox/session.ts'
import { countUnowned, type RelayStatus, readRelays } from '../../../outbox/status.ts'
import { check, fault, list, spell, warning } from '../check.ts'
import { readOverdueSeconds } from '../overdue-seconds.ts'

const relaysOf = (session: Session): Promise<RelayStatus[]> => readRelays(databaseOf(session))

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
      each =>
        `${each.name} (pid ${each.pid} on ${each.host}, ${each.lanes} lanes) renewed ${spell(each.renewedSecondsAgo)} ago`,
    )
    return fault(
      `leases have run out: ${list(named)}`,
      'the relay is dead, stopped or cut off, and callbacks of its lanes wait until another takes them over',
      'look at that process and its log; start it again, or another',
    )
  },
})

interface Lanes {
  readonly relays: number
  /** Of 64. */
  readonly unowned: number
}

export const lanesWithoutOwner = check<Lanes>({
  name: 'lanes-without-owner',
  read: async session => ({
    relays: (await relaysOf(session)).length,
    unowned: await countUnowned(databaseOf(session)),
  }),
  judge: ({ relays, unowned }) =>
    relays === 0 || unowned === 0
      ? null
      : warning(
          `${unowned} of 64 lanes have no owner, though a relay runs`,
          'their callbacks wait; when relays come or go this is so for a moment',
          'look again in a minute; if it stays, read the log of the relay',
        ),
})

export const versions = check<readonly RelayStatus[]>({
  name: 'versions',
  read: relaysOf,
  judge(relays) {
    if (new Set(relays.map(each => each.version)).size < 2) return null
    return warning(
      `relays of different versions share the work: ${list(relays.map(each => `${each.name} ${each.version}`))}`,
      'during an upgrade this is well; for long, the same callback is treated in two ways',
      'finish the upgrade',
    )
  },
})
