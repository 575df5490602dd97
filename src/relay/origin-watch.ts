import type { Log } from '../log/log.ts'
import type { OriginSign, Outcome } from '../model.ts'
import { failingAfter, watchedOrigins } from '../policy/tuning.ts'

/** An origin whose attempts have only failed for a while. */
export interface FailingOrigin {
  readonly origin: string
  /** When the first of the failures in a row had ended, in Unix milliseconds. */
  readonly sinceMs: number
  /** Failed attempts in a row. */
  readonly failures: number
  /** Of the newest one. */
  readonly reason: string
}

interface Watched extends FailingOrigin {
  /** `performance.now()` at the end of the first failure. */
  readonly firstAt: number
  readonly isSaid: boolean
}

/**
 * Says when an origin has only failed for a while, and when it answers again. What counts as a failure stands in
 * `policy/answers.ts`: a refusal with 4xx is an answer of a receiver that is well.
 *
 * Apart from the breaker, which an operator can set to rest after one failure, or never: people want to know either way.
 */
export class OriginWatch {
  readonly #log: Log
  readonly #failed = new Map<string, Watched>()

  constructor(log: Log) {
    this.#log = log
  }

  /** Those that are failing, the longest first. */
  get failing(): readonly FailingOrigin[] {
    return [...this.#failed.values()].filter(({ isSaid }) => isSaid)
  }

  isFailing(origin: string): boolean {
    return this.#failed.get(origin)?.isSaid === true
  }

  /** @param nowMs in Unix milliseconds */
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

  /** Origins of another relay from now on are that one's to watch. */
  keep(isMine: (origin: string) => boolean): void {
    for (const origin of [...this.#failed.keys()]) if (!isMine(origin)) this.#failed.delete(origin)
  }

  #answered({ origin, failures, firstAt, isSaid }: Watched, now: number): void {
    this.#failed.delete(origin)
    if (isSaid) this.#log.info('origin_well', { origin, away_ms: Math.round(now - firstAt), tries: failures })
  }

  /** The first that is not failing yet; where all are, the one that has failed for longest. */
  #forgetOne(): void {
    const all = [...this.#failed.values()]
    const one = all.find(({ isSaid }) => !isSaid) ?? all[0]
    if (one) this.#failed.delete(one.origin)
  }
}
