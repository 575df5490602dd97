import type { ConnectionPool } from '../delivery/connection-pool.ts'
import type { Log } from '../log/log.ts'
import type { Membership } from '../membership/membership.ts'
import { abortMs, lastRecordMs } from '../policy/tuning.ts'
import type { AutoResetEvent } from './auto-reset-event.ts'
import type { DatabaseLink } from './database-link.ts'

/** What must end before a relay may. */
export interface Work {
  /** POSTs on the wire. */
  readonly inFlight: number
  /** A claim is under way, and may bring something to send. */
  readonly isClaiming: boolean
  /** Claims that have not begun, and outcomes that are not committed. */
  readonly unrecorded: number
}

/**
 * Nothing new starts any more. What is in flight may finish within the grace, and is aborted then; outcomes are recorded, for
 * which the database may come back within the grace, or in the seconds after it.
 *
 * @param progress is set whenever some of the work has ended.
 */
export async function finish(
  work: () => Work,
  progress: AutoResetEvent,
  pool: Pick<ConnectionPool, 'abort'>,
  graceMs: number,
): Promise<void> {
  const until = async (end: number, isDone: () => boolean): Promise<void> => {
    for (let now = performance.now(); now < end && !isDone(); now = performance.now()) await progress.wait(end - now)
  }
  const graceEnd = performance.now() + graceMs
  await until(graceEnd, () => work().inFlight === 0 && !work().isClaiming)
  pool.abort('shut down')
  await until(performance.now() + abortMs, () => work().inFlight === 0)
  await until(Math.max(graceEnd, performance.now() + lastRecordMs), () => work().unrecorded === 0)
}

/** Takes the registration back, so that nobody waits for the lease to run out. */
export async function handOver({ wake, sessions }: DatabaseLink, membership: Membership, log: Log): Promise<void> {
  try {
    await wake.stop()
    await membership.leave(sessions.keep)
  } catch (error) {
    log.warn('handover_failed', { err: error as Error })
  }
  await sessions.close()
}
