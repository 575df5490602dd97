import { BoundedMap } from '../bounded-map.ts'
import { reuseLostOrigins } from '../policy/tuning.ts'

/**
 * The origins whose connections are not reused for a while (`ConnectionPool.loseReuse`). A reused connection that dies
 * under a request makes its outcome `unknown`, and so makes a duplicate.
 */
export class Reuse {
  readonly #lostForMs: number
  readonly #now: () => number
  /** By origin: the time until which each of its connections carries one request. */
  readonly #lostUntil = new BoundedMap<string, number>(reuseLostOrigins)

  /**
   * @param lostForMs how long a loss lasts, in milliseconds.
   * @param now monotonic milliseconds; passed in so that tests are exact.
   */
  constructor(lostForMs: number, now: () => number) {
    this.#lostForMs = lostForMs
    this.#now = now
  }

  allowed(origin: string): boolean {
    const until = this.#lostUntil.get(origin)
    if (until === undefined) return true
    if (this.#now() < until) return false
    this.#lostUntil.delete(origin)
    return true
  }

  lose(origin: string): void {
    this.#lostUntil.set(origin, this.#now() + this.#lostForMs)
  }
}
