import type { Origins } from '../delivery/origins.ts'
import type { Log } from '../log/log.ts'
import { pause } from '../pause.ts'
import { abortMs, lastRecordMs } from '../policy/tuning.ts'
import type { Keeper } from './keeper.ts'
import type { Term } from './term.ts'

/** What must end before a relay may. */
export interface Work {
  /** POSTs on the wire. */
  readonly inFlight: number
  /** A claim or a look at the lanes may be under way, and bring something to do. */
  readonly isTaking: boolean
  /** Outcomes that are not committed. */
  readonly unrecorded: number
}

/**
 * Nothing new starts any more. What is in flight may finish within the grace, and is aborted then; outcomes are recorded, for
 * which the database may come back within the grace, or in the seconds after it.
 */
export async function finish(work: () => Work, origins: Pick<Origins, 'abort'>, graceMs: number): Promise<void> {
  const graceEnd = performance.now() + graceMs
  await quiet(graceEnd, () => work().inFlight === 0 && !work().isTaking)
  origins.abort('shut down')
  await quiet(performance.now() + abortMs, () => work().inFlight === 0)
  await quiet(Math.max(graceEnd, performance.now() + lastRecordMs), () => work().unrecorded === 0)
}

/** Releases the lanes, so that another relay can go on at once. */
export async function handOver(term: Term | undefined, keeper: Keeper, log: Log): Promise<void> {
  if (!term?.isOpen) return
  try {
    await term.wake.stop()
    await keeper.stop(term.sessions.keep)
  } catch (error) {
    log.warn('handover_failed', { err: error as Error })
  }
  await term.sessions.close()
  term.end()
}

async function quiet(end: number, isQuiet: () => boolean): Promise<void> {
  while (!isQuiet() && performance.now() < end) await pause(10)
}
