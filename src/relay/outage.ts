import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, RingbackError, StandbyError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { isTransient } from '../outbox/database-errors.ts'
import { retryDelayMs } from '../policy/decision.ts'
import { mostReasons, passingPause, refusingPause, reminderMs, steadyMs } from '../policy/tuning.ts'

/**
 * The time without a database that does what the relay needs: how long to wait before the next try, and what is said of it.
 * Each reason is said at once when it is new, and once a minute while it lasts. The end is said when the relay has done some
 * work, since a server that is read-only or refuses a statement can be connected to all the same.
 */
export class Outage {
  readonly #log: Log
  readonly #time: Timers
  #tries = 0
  #since: number | undefined
  /** When each reason was said last. */
  readonly #saidAt = new Map<string, number>()
  #isSaid = false
  #servedAt: number | undefined

  constructor(log: Log, time: Timers = systemTimers) {
    this.#log = log
    this.#time = time
  }

  /**
   * The database was lost, cannot be reached, or refuses what the relay needs. Waits from 50 ms, doubling to a second, or to
   * ten seconds where it refuses; half of it at random.
   */
  async wait(error: unknown, stopping: AbortSignal): Promise<void> {
    this.#since ??= this.#begin()
    this.#say(error, this.#since)
    this.#tries += 1
    const isPassing = isTransient(error) || error instanceof StandbyError
    await this.#time.sleep(retryDelayMs(this.#tries, isPassing ? passingPause : refusingPause, Math.random), stopping)
  }

  /** The relay has renewed its lease, and nothing that it does has failed since it connected. */
  over(): void {
    const now = this.#time.now()
    if (this.#isSaid && this.#since !== undefined) {
      this.#log.info('database_back', { away_ms: Math.round(now - this.#since), tries: this.#tries })
    }
    if (this.#since !== undefined || this.#servedAt === undefined) this.#servedAt = now
    this.#isSaid = false
    this.#since = undefined
  }

  /** An outage within 10 s of the last one keeps its backoff and its silence: connections may come and fail for hours. */
  #begin(): number {
    const now = this.#time.now()
    if (this.#servedAt !== undefined && now - this.#servedAt > steadyMs) {
      this.#tries = 0
      this.#saidAt.clear()
    }
    return now
  }

  #say(error: unknown, since: number): void {
    const now = this.#time.now()
    for (const [reason, saidAt] of this.#saidAt) if (now - saidAt >= reminderMs) this.#saidAt.delete(reason)
    const reason = kindOf(error)
    if (this.#saidAt.has(reason) || this.#saidAt.size >= mostReasons) return
    this.#saidAt.set(reason, now)
    this.#isSaid = true
    const fields = { since_ms: Math.round(now - since), err: error as Error }
    if (isTransient(error)) this.#log.warn('database_away', fields)
    else this.#log.error('database_refuses', fields)
  }
}

/** What tells one reason from another; numbers in a message, such as ports and process ids, do not. */
function kindOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown }
  return `${code} ${messageOf(error).replace(/\d+/g, '0')}`
}

/**
 * True when no wait can cure it, so that the relay must end: a defect of Ringback, a schema that is gone or of another
 * version, a wrong setting. A wrong password, a lost grant, a read-only server are an operator's to cure, and the relay goes on by itself.
 */
export function isLasting(error: unknown): boolean {
  if (error instanceof RingbackError) return !(error instanceof StandbyError)
  return [TypeError, RangeError, ReferenceError, SyntaxError].some(defect => error instanceof defect)
}

/** Passed in so that a test of an hour takes no hour. */
export interface Timers {
  /** Milliseconds that only grow. */
  now(): number
  /** Resolves after `ms` milliseconds, or when stopping. */
  sleep(ms: number, stopping: AbortSignal): Promise<void>
}

const systemTimers: Timers = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
}
