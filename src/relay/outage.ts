import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, RingbackError, StandbyError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { isTransient } from '../outbox/database-errors.ts'
import { retryDelayMs } from '../policy/decision.ts'
import { mostReasons, passingPause, refusingPause, reminderMs, steadyMs } from '../policy/tuning.ts'

/**
 * An outage of the database: how long to wait before the next try, and what to log. A new reason is logged at once, the
 * same one once a minute.
 */
export class Outage {
  readonly #log: Log
  readonly #time: Timers
  #tries = 0
  #since: number | undefined
  /** When each reason was last logged. */
  readonly #saidAt = new Map<string, number>()
  #isSaid = false
  #servedAt: number | undefined

  constructor(log: Log, time: Timers = systemTimers) {
    this.#log = log
    this.#time = time
  }

  /**
   * Waits before the next try: from 50 ms, doubling to one second, or to ten seconds if the database refuses what the
   * relay needs. Half of each wait is random.
   */
  async wait(error: unknown, stopping: AbortSignal): Promise<void> {
    this.#since ??= this.#begin()
    this.#say(error, this.#since)
    this.#tries += 1
    const isPassing = isTransient(error) || error instanceof StandbyError
    await this.#time.sleep(retryDelayMs(this.#tries, isPassing ? passingPause : refusingPause, Math.random), stopping)
  }

  /**
   * Called when the relay has renewed its lease: a connection alone proves nothing, since a server may be read-only.
   */
  over(): void {
    const now = this.#time.now()
    if (this.#isSaid && this.#since !== undefined) {
      this.#log.info('database_back', { away_ms: Math.round(now - this.#since), tries: this.#tries })
    }
    if (this.#since !== undefined || this.#servedAt === undefined) this.#servedAt = now
    this.#isSaid = false
    this.#since = undefined
  }

  /**
   * An outage within 10 s of the last one keeps its backoff and its log throttling: connections may come and fail for
   * hours.
   */
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

/** The key of a reason. Numbers in a message, such as ports and process ids, do not make another reason. */
function kindOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown }
  return `${code} ${messageOf(error).replace(/\d+/g, '0')}`
}

/**
 * True when waiting cannot cure the error: a defect of Ringback, a schema that is missing or of another version, a
 * wrong setting. False when an operator can: a wrong password, a lost grant.
 */
export function isLasting(error: unknown): boolean {
  if (error instanceof RingbackError) return !(error instanceof StandbyError)
  return [TypeError, RangeError, ReferenceError, SyntaxError].some(defect => error instanceof defect)
}

/** Passed in, so that a test of an hour takes no hour. */
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
