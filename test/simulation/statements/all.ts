import * as claiming from './claiming.ts'
import * as keeping from './keeping.ts'
import * as reading from './reading.ts'
import * as recording from './recording.ts'
import type { ServerStatement } from './statement.ts'

/** What stands for each statement of the relay, by its name. */
export const statements: Readonly<Record<string, ServerStatement>> = {
  ringback_claim: claiming.claim,
  ringback_expire: claiming.expire,
  ringback_park: claiming.park,
  ringback_give_up: claiming.giveUp,
  ringback_record: recording.record,
  ringback_look: recording.look,
  ringback_fresh: reading.fresh,
  ringback_fresh_end: reading.freshEnd,
  ringback_due: reading.due,
  ringback_claimed_fresh: reading.claimedFresh,
  ringback_claimed_due: reading.claimedDue,
  ringback_parked: reading.parked,
  ringback_by_key: reading.byKey,
  ringback_by_id: reading.byId,
  ringback_name: keeping.name,
  ringback_predecessor: keeping.predecessor,
  ringback_enrol: keeping.enrol,
  ringback_renew: keeping.renew,
  ringback_observe: keeping.observe,
  ringback_take: keeping.take,
  ringback_release: keeping.release,
  ringback_blockers: keeping.blockers,
  ringback_bury: keeping.bury,
  ringback_leave: keeping.leave,
  ringback_sleep: keeping.sleep,
  ringback_share: keeping.share,
  ringback_wake: keeping.wake,
  ringback_janitor_lock: keeping.janitorLock,
}
