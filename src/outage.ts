import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './observe/log.ts'
import { isTransient } from './outbox/session.ts'

/** A term that lasted this long, in milliseconds, was a good one. */
const steadyMs = 10_000

/** How often a lasting outage is mentioned again, in milliseconds. */
const reminderMs = 60_000

/**
 * The time without a database: how long to wait before the next try, and a line when it begins, a line a minute while it
 * lasts, a line when it is over. However often the connections fail, the log stays readable.
 */
export class Outage {
  readonly #log: Log
  #tries = 0
  #since: number | undefined
  #saidAt = Number.NEGATIVE_INFINITY
  #servedAt: number | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** True when the relay has worked before. */
  get hasServed(): boolean {
    return this.#servedAt !== undefined
  }

  /** The database was lost, or cannot be reached: waits from 50 ms, doubling to a second, half of it at random. */
  async wait(error: unknown, stopping: AbortSignal): Promise<void> {
    const now = performance.now()
    if (this.#servedAt !== undefined && now - this.#servedAt > steadyMs) this.#tries = 0
    this.#since ??= now
    if (now - this.#saidAt >= reminderMs || this.#tries === 0) {
      this.#saidAt = now
      const fields = { since_ms: Math.round(now - this.#since), err: error as Error }
      if (isTransient(error)) this.#log.warn('database_away', fields)
      else this.#log.error('database_refuses', fields)
    }
    const full = Math.min(1_000, 50 * 2 ** this.#tries)
    this.#tries += 1
    await sleep(full / 2 + (full / 2) * Math.random(), undefined, { signal: stopping }).catch(() => {})
  }

  /** The relay works. */
  over(): void {
    const now = performance.now()
    if (this.#since !== undefined && this.#saidAt > Number.NEGATIVE_INFINITY) {
      this.#log.info('database_back', { away_ms: Math.round(now - this.#since), tries: this.#tries })
    }
    this.#since = undefined
    this.#servedAt = now
  }
}
