import type { Log } from '../log/log.ts'
import type { OriginSign, Outcome } from '../model.ts'
import { failingAfter, watchedOrigins } from '../policy/tuning.ts'

/** An origin whose attempts have only failed for a while. */
export interface FailingOrigin {
  readonly origin: string
  /** When the first of these failures ended, in Unix milliseconds. */
  readonly sinceMs: number
  /** How many attempts failed in a row. */
  readonly failures: number
  /** Why the newest one failed. */
  readonly reason: string
}

interface Watched extends FailingOrigin {
  /** `performance.now()` at the end of the first failure. */
  readonly firstAt: number
  readonly isSaid: boolean
}

/**
 * Logs when an origin has only failed for a while, and when it answers again. It does not depend on the breaker, which
 * may be set to open after one failure, or never.
 */
export class OriginWatch {
  readonly #log: Log
  readonly #failed = new Map<string, Watched>()

  constructor(log: Log) {
    this.#log = log
  }

  /** The failing origins, the longest failing first. */
  get failing(): readonly FailingOrigin[] {
    return [...this.#failed.values()].filter(({ isSaid }) => isSaid)
  }

  isFailing(origin: string): boolean {
    return this.#failed.get(origin)?.isSaid === true
  }

  /** @param nowMs Unix time in milliseconds. */
  see(origin: string, { receiver, finishedAtMs }: OriginSign, { error }: Pick<Outcome, 'error'>, nowMs: number): void {
    const before = this.#failed.get(origin)
    if (receiver === null) return
    if (receiver === 'alive') {
      if (before) this.#answered(before, finishedAtMs)
      return
    }
    const failures = (before?.failures ?? 0) + 1
    const firstAt = before?.firstAt ?? finishedAtMs
    const reason = error ?? 'no reason given'
    const isFailing =
      failures >= failingAfter.failures ||
      (failures >= failingAfter.fewFailures && finishedAtMs - firstAt >= failingAfter.ms)
    const isSaid = before?.isSaid === true || isFailing
    this.#failed.set(origin, { origin, sinceMs: before?.sinceMs ?? nowMs, failures, reason, firstAt, isSaid })
    if (isSaid && before?.isSaid !== true) {
      const sinceMs = Math.round(finishedAtMs - firstAt)
      this.#log.warn('origin_failing', { origin, error: reason, tries: failures, since_ms: sinceMs })
    }
    if (this.#failed.size > watchedOrigins) this.#forgetOne()
  }

  /** Forgets origins that another relay serves from now on. */
  keep(isMine: (origin: string) => boolean): void {
    for (const origin of [...this.#failed.keys()]) if (!isMine(origin)) this.#failed.delete(origin)
  }

  #answered({ origin, failures, firstAt, isSaid }: Watched, now: number): void {
    this.#failed.delete(origin)
    if (isSaid) this.#log.info('origin_well', { origin, away_ms: Math.round(now - firstAt), tries: failures })
  }

  /** Forgets the first origin that does not count as failing yet. If all do, forgets the longest failing one. */
  #forgetOne(): void {
    const all = [...this.#failed.values()]
    const one = all.find(({ isSaid }) => !isSaid) ?? all[0]
    if (one) this.#failed.delete(one.origin)
  }
}
