import { longestSweepPauseMs, sweepShare } from '../policy/tuning.ts'

/**
 * How long a search that nothing asks for pauses, so that it takes its share of the time and no more. In milliseconds.
 *
 * @param workMs what the server has worked. The time on the network does not count.
 * @param longestMs at most so long: a server that stood still makes a search look expensive.
 */
export function searchPauseMs(workMs: number, longestMs: number = longestSweepPauseMs): number {
  return Math.min(longestMs, workMs / sweepShare)
}
