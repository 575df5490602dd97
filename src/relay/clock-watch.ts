import type { Log } from '../log/log.ts'
import { clockToleranceMs } from '../policy/tuning.ts'

/**
 * How far our clock is ahead of the database's, in milliseconds, at least; negative: behind it. The database's was read between
 * two readings of ours, all as Unix times in milliseconds: what lies between them is in its favour.
 */
export function aheadBy(beforeMs: number, databaseMs: number, afterMs: number): number {
  return Math.max(0, beforeMs - databaseMs) + Math.min(0, afterMs - databaseMs)
}

/**
 * Compares this machine's clock with the database's at each renewal, and says once when they disagree and once when they
 * agree again. Nothing of the relay is decided by it, but receivers refuse signatures whose timestamp is minutes off, so
 * that every signed callback would die with 401.
 */
export class ClockWatch {
  readonly #log: Log
  #isOff = false

  constructor(log: Log) {
    this.#log = log
  }

  /** As `aheadBy`. */
  see(beforeMs: number, databaseMs: number, afterMs: number): void {
    const aheadMs = Math.round(aheadBy(beforeMs, databaseMs, afterMs))
    const isOff = Math.abs(aheadMs) > clockToleranceMs
    if (isOff === this.#isOff) return
    this.#isOff = isOff
    if (isOff) this.#log.warn('clock_off', { ahead_ms: aheadMs })
    else this.#log.info('clock_well', { ahead_ms: aheadMs })
  }
}
