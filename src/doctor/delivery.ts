import { type Check, check, fault, list, spell, warning } from './finding.ts'

/** In seconds. */
const limits = { hold: 86_400, overdue: 900 }

export const deliveryChecks: readonly Check[] = [
  check('delivery', 'no-relay', ({ relays, overdueSeconds }) => {
    if (relays.length > 0) return null
    const severe = overdueSeconds === null ? warning : fault
    const waiting = overdueSeconds === null ? '' : `, and callbacks have waited for ${spell(overdueSeconds)}`
    return severe(`no relay runs here${waiting}`, 'nothing is delivered', 'start one: ringback run')
  }),
  check('delivery', 'stalled', ({ stall }) =>
    stall === null
      ? null
      : fault(
          `${stall.count === 1 ? '1 callback is' : `at least ${stall.count} callbacks are`} due, for up to ${spell(stall.seconds)}, and none was sent while we watched`,
          'a relay lives, but it does not see these callbacks, cannot claim them, or all its slots are taken by receivers that hang (or a `rate` of --config holds them back)',
          'read the log of the relay, from its last `database_away`, `database_refuses` or `standing_by` on; the other findings here may say why',
        ),
  ),
  check('delivery', 'late-relays', ({ relays }) => {
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
  }),
  check('delivery', 'lanes-without-owner', ({ relays, lanesWithoutOwner }) =>
    relays.length === 0 || lanesWithoutOwner === 0
      ? null
      : warning(
          `${lanesWithoutOwner} of 64 lanes have no owner, though a relay runs`,
          'their callbacks wait; when relays come or go this is so for a moment',
          'look again in a minute; if it stays, read the log of the relay',
        ),
  ),
  check('delivery', 'versions', ({ relays }) => {
    const versions = [...new Set(relays.map(each => each.version))]
    if (versions.length < 2) return null
    return warning(
      `relays of different versions share the work: ${list(relays.map(each => `${each.name} ${each.version}`))}`,
      'during an upgrade this is well; for long, the same callback is treated in two ways',
      'finish the upgrade',
    )
  }),
  check('delivery', 'overdue', ({ overdueSeconds }) =>
    overdueSeconds === null || overdueSeconds <= limits.overdue
      ? null
      : warning(
          `a callback has been due for ${spell(overdueSeconds)}`,
          'relays do not keep up, or its key or receiver cannot go on',
          '`ringback status`; sql/cookbook/stuck_keys.sql and what_is_waiting.sql say which',
        ),
  ),
  check('delivery', 'old-holds', ({ holds }) => {
    const old = holds.filter(each => each.heldSeconds > limits.hold)
    if (old.length === 0) return null
    const named = old.map(each => `${each.urlPrefix} for ${spell(each.heldSeconds)} by ${each.heldBy}`)
    return warning(
      `on hold for more than a day: ${list(named)}`,
      'callbacks to these URLs wait until somebody lets them go',
      '`ringback status` shows the reasons, sql/cookbook/release.sql lets go',
    )
  }),
  check('delivery', 'dead', ({ dead }) =>
    dead === 0
      ? null
      : warning(
          dead === 1 ? '1 callback is dead' : `${dead} callbacks are dead`,
          'given up: only a replay sends them again',
          'sql/cookbook/why_is_it_dead.sql says why, `ringback replay --dead` sends again',
        ),
  ),
]
