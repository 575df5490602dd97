import { setTimeout as sleep } from 'node:timers/promises'
import { retryDelayMs } from './decision.ts'
import type { Log } from './observe/log.ts'
import { isTransient } from './outbox/session.ts'

/** A term that lasted this long, in milliseconds, was a good one. */
const steadyMs = 10_000

/** How often a lasting outage is mentioned again, in milliseconds. */
const reminderMs = 60_000

/**
 * The time without a database: how long to wait before the next try, and a line when it begins, a line a minute while it
 * lasts, a line when it is over. However often the connections fail, the log stays readable: not more than that a minute.
 */
export class Outage {
  readonly #log: Log
  readonly #time: Time
  #tries = 0
  #since: number | undefined
  #saidAt = Number.NEGATIVE_INFINITY
  #isSaid = false
  #servedAt: number | undefined

  constructor(log: Log, time: Time = systemTime) {
    this.#log = log
    this.#time = time
  }

  /** True when the relay has worked before. */
  get hasServed(): boolean {
    return this.#servedAt !== undefined
  }

  /** The database was lost, or cannot be reached: waits from 50 ms, doubling to a second, half of it at random. */
  async wait(error: unknown, stopping: AbortSignal): Promise<void> {
    this.#since ??= this.#begin()
    if (this.#time.now() - this.#saidAt >= reminderMs) this.#say(error, this.#since)
    this.#tries += 1
    await this.#time.sleep(retryDelayMs(this.#tries, { baseMs: 50, capMs: 1_000 }, Math.random), stopping)
  }

  /** The relay works. */
  over(): void {
    const now = this.#time.now()
    if (this.#isSaid && this.#since !== undefined) {
      this.#log.info('database_back', { away_ms: Math.round(now - this.#since), tries: this.#tries })
    }
    this.#isSaid = false
    this.#since = undefined
    this.#servedAt = now
  }

  /** One that follows at once upon another goes on with its waits and its silence: connections may come and fail for hours. */
  #begin(): number {
    const now = this.#time.now()
    if (this.#servedAt !== undefined && now - this.#servedAt > steadyMs) {
      this.#tries = 0
      this.#saidAt = Number.NEGATIVE_INFINITY
    }
    return now
  }

  #say(error: unknown, since: number): void {
    this.#saidAt = this.#time.now()
    this.#isSaid = true
    const fields = { since_ms: Math.round(this.#saidAt - since), err: error as Error }
    if (isTransient(error)) this.#log.warn('database_away', fields)
    else this.#log.error('database_refuses', fields)
  }
}

/** Passed in so that a test of an hour takes no hour. */
export interface Time {
  /** Milliseconds that only grow. */
  now(): number
  /** Resolves after `ms` milliseconds, or when stopping. */
  sleep(ms: number, stopping: AbortSignal): Promise<void>
}

const systemTime: Time = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
}
