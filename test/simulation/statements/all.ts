import * as claiming from './claiming.ts'
import * as janitor from './janitor.ts'
import * as keeping from './keeping.ts'
import * as reading from './reading.ts'
import * as recording from './recording.ts'
import type { ServerStatement } from './statement.ts'

/** The model of each statement of the relay, by the statement's name. */
export const statements: Readonly<Record<string, ServerStatement>> = {
  ringback_claim: claiming.claim,
  ringback_claim_fresh: claiming.claimFresh,
  ringback_release: claiming.release,
  ringback_expire: claiming.expire,
  ringback_expired: claiming.expired,
  ringback_bring_forward: claiming.bringForward,
  ringback_give_up: claiming.giveUp,
  ringback_supersede: claiming.supersede,
  ringback_record: recording.record,
  ringback_record_deleting: recording.recordDeleting,
  ringback_look: recording.look,
  ringback_fresh: reading.fresh,
  ringback_due: reading.due,
  ringback_pull: reading.pull,
  ringback_key_heads: reading.keyHeads,
  ringback_origins: reading.origins,
  ringback_holds_digest: reading.holdsDigest,
  ringback_holds: reading.holds,
  ringback_left: reading.left,
  ringback_outages: reading.outages,
  ringback_orphans_fresh: reading.orphansFresh,
  ringback_orphans_due: reading.orphansDue,
  ringback_limit: keeping.limit,
  ringback_hint: keeping.hint,
  ringback_register: keeping.register,
  ringback_renew: keeping.renew,
  ringback_bury: keeping.bury,
  ringback_end_stuck: keeping.endStuck,
  ringback_application_name: keeping.applicationName,
  ringback_salt: keeping.salt,
  ringback_sleep: keeping.sleep,
  ringback_share: keeping.share,
  ringback_wake: keeping.wake,
  ringback_crowded: keeping.crowded,
  ringback_janitor_lock: janitor.lockJanitor,
  ringback_janitor_unlock: janitor.unlockJanitor,
  ringback_janitor_newest: janitor.newest,
  ringback_janitor_take_up: janitor.takeUp,
  ringback_janitor_begin: janitor.begin,
  ringback_janitor_batch: janitor.batch,
  ringback_janitor_fail: janitor.fail,
  ringback_survey: keeping.survey,
}
