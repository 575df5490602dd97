import type { Log } from '../log/log.ts'
import { clockToleranceMs } from '../policy/tuning.ts'

/**
 * How far this machine's clock is ahead of the database's at least, in milliseconds; negative: behind it. The
 * database's clock was read between the two other readings.
 */
export function aheadBy(beforeMs: number, databaseMs: number, afterMs: number): number {
  return Math.max(0, beforeMs - databaseMs) + Math.min(0, afterMs - databaseMs)
}

/**
 * Logs once when this machine's clock differs from the database's, and once when they agree again. The relay decides
 * nothing by this, but receivers refuse signatures of a wrong time.
 */
export class ClockWatch {
  readonly #log: Log
  #isOff = false

  constructor(log: Log) {
    this.#log = log
  }

  /** @param beforeMs and the others as of `aheadBy`. */
  see(beforeMs: number, databaseMs: number, afterMs: number): void {
    const aheadMs = Math.round(aheadBy(beforeMs, databaseMs, afterMs))
    const isOff = Math.abs(aheadMs) > clockToleranceMs
    if (isOff === this.#isOff) return
    this.#isOff = isOff
    if (isOff) this.#log.warn('clock_off', { ahead_ms: aheadMs })
    else this.#log.info('clock_well', { ahead_ms: aheadMs })
  }
}
