import type { ConnectionPool } from '../delivery/connection-pool.ts'
import type { Log } from '../log/log.ts'
import type { Membership } from '../membership/membership.ts'
import { pause } from '../pause.ts'
import { abortMs, lastRecordMs } from '../policy/tuning.ts'
import type { DatabaseLink } from './database-link.ts'

/** What must end before a relay may. */
export interface Work {
  /** POSTs on the wire. */
  readonly inFlight: number
  /** A claim is under way, and may bring something to send. */
  readonly isClaiming: boolean
  /** Outcomes that are not committed. */
  readonly unrecorded: number
}

/**
 * Nothing new starts any more. What is in flight may finish within the grace, and is aborted then; outcomes are recorded, for
 * which the database may come back within the grace, or in the seconds after it.
 */
export async function finish(work: () => Work, pool: Pick<ConnectionPool, 'abort'>, graceMs: number): Promise<void> {
  const graceEnd = performance.now() + graceMs
  await quiet(graceEnd, () => work().inFlight === 0 && !work().isClaiming)
  pool.abort('shut down')
  await quiet(performance.now() + abortMs, () => work().inFlight === 0)
  await quiet(Math.max(graceEnd, performance.now() + lastRecordMs), () => work().unrecorded === 0)
}

/** Takes the registration back, so that nobody waits for the lease to run out. */
export async function handOver(link: DatabaseLink | undefined, membership: Membership, log: Log): Promise<void> {
  if (!link?.isOpen) return
  try {
    await link.wake.stop()
    await membership.leave(link.sessions.keep)
  } catch (error) {
    log.warn('handover_failed', { err: error as Error })
  }
  await link.sessions.close()
  link.end()
}

async function quiet(end: number, isQuiet: () => boolean): Promise<void> {
  while (!isQuiet() && performance.now() < end) await pause(10)
}
