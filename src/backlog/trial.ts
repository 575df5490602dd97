/** Answers in a round. */
const ROUND = 128
/** Up to this many times the best latency, more POSTs at once are of use. */
const NEAR = 1.5
/** From this many times the best latency on, there are too many. */
const FAR = 2
/** From this share of failed attempts in a round on, the window does not grow. */
const MANY = 1 / 10
/** With this many busy answers in a round, there are too many. */
const TOO_MANY = 2
/** How long the best latency counts, in milliseconds: a receiver may become slower for other reasons. */
const bestMs = 5 * 60_000

/** What a round says: the window should grow, should shrink, or neither. */
export type Verdict = 'grow' | 'shrink' | null

/**
 * Whether a receiver takes more POSTs at once, judged by its latency. Answers are judged in rounds, by the geometric
 * mean of their times, which a few slow ones hardly change.
 *
 * The best latency is the least mean of a round. It is measured anew every five minutes, with a smaller window: with
 * the same one, the queue that the POSTs form at the receiver would become the best latency.
 */
export class Trial {
  #bestMs = Number.POSITIVE_INFINITY
  #bestFrom = Number.NEGATIVE_INFINITY
  /* The present round: of attempts that began after it did. */
  #from = Number.NEGATIVE_INFINITY
  #answers = 0
  #failed = 0
  #sumOfLogs = 0
  #refused = 0
  #wasFull = false

  /** All of the window is in use. */
  full(): void {
    this.#wasFull = true
  }

  answered(startedAtMs: number, now: number): Verdict {
    if (now >= this.#bestFrom + bestMs) {
      const isFirst = this.#bestFrom === Number.NEGATIVE_INFINITY
      this.#bestFrom = now
      this.#bestMs = Number.POSITIVE_INFINITY
      if (!isFirst) return 'shrink'
    }
    if (startedAtMs < this.#from) return null
    this.#answers += 1
    this.#sumOfLogs += Math.log(Math.max(1, now - startedAtMs))
    if (this.#answers < ROUND) return null
    const meanMs = Math.exp(this.#sumOfLogs / this.#answers)
    this.#bestMs = Math.min(this.#bestMs, meanMs)
    const isOfUse = this.#wasFull && this.#refused === 0 && this.#failed < MANY * ROUND && meanMs <= NEAR * this.#bestMs
    const verdict = meanMs >= FAR * this.#bestMs ? 'shrink' : isOfUse ? 'grow' : null
    this.begin(this.#from)
    return verdict
  }

  /** An attempt failed in a way that does not tell how many are too many. */
  failed(): void {
    this.#failed += 1
  }

  /** An answer was busy. @returns whether there are too many. */
  refused(): boolean {
    this.#refused += 1
    return this.#refused >= TOO_MANY
  }

  /** Begins a new round. @param from attempts that began earlier do not count: the window was another. */
  begin(from: number): void {
    this.#from = from
    this.#answers = 0
    this.#failed = 0
    this.#sumOfLogs = 0
    this.#refused = 0
    this.#wasFull = false
  }
}
