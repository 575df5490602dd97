import type { ConnectionPool } from '../delivery/connection-pool.ts'
import type { Log } from '../log/log.ts'
import type { Membership } from '../membership/membership.ts'
import { abortMs, lastRecordMs } from '../policy/tuning.ts'
import type { AutoResetEvent } from './auto-reset-event.ts'
import type { DatabaseLink } from './database-link.ts'

/** Work that must end before the relay does. */
export interface Work {
  /** POSTs on the wire. */
  readonly inFlight: number
  /** A claim is under way, and may return rows. */
  readonly isClaiming: boolean
  /** How many claims have not begun, and outcomes are not committed. */
  readonly unrecorded: number
}

/**
 * Waits for the end of the work. POSTs in flight are aborted after `graceMs`. Outcomes may be recorded until then, and
 * for at least `lastRecordMs` after the last POST.
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

/** Removes the registration, so that the other relays need not wait for the end of the lease. */
export async function handOver({ wake, sessions }: DatabaseLink, membership: Membership, log: Log): Promise<void> {
  try {
    await wake.rise()
    await membership.leave(sessions.keep)
  } catch (error) {
    log.warn('handover_failed', { err: error as Error })
  }
  await sessions.close()
}
