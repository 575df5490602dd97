import { databaseOf } from '../../../outbox/database.ts'
import { type Hold, listHolds } from '../../../outbox/status.ts'
import { check, list, spell, warning } from '../check.ts'

/** Seconds. */
const patience = 86_400

export const oldHolds = check<readonly Hold[]>({
  name: 'old-holds',
  read: session => listHolds(databaseOf(session)),
  judge(holds) {
    const old = holds.filter(each => each.heldSeconds > patience)
    if (old.length === 0) return null
    const named = old.map(each => `${each.urlPrefix} for ${spell(each.heldSeconds)} by ${each.heldBy}`)
    return warning(
      `on hold for more than a day: ${list(named)}`,
      'callbacks to these URLs wait until somebody releases the hold',
      '`ringback status` shows the reasons, `ringback release URL` releases it',
    )
  },
})
