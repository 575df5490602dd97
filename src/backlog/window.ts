import type { DestinationSettings } from '../policy/destinations.ts'
import { FailedSize } from './failed-size.ts'
import { Trial } from './trial.ts'

/** The settings of a destination that the window uses. */
export type WindowOptions = Pick<DestinationSettings, 'concurrency' | 'growsTo' | 'deadlineMs'>

/** An answer within this share of the deadline is quick, however much quicker others were. */
const SOON = 1 / 4
/** A slower answer that took this many times as long as the quickest shows that requests queue there. */
const QUEUED = 1.5
/** After a good round, the window grows by this factor. */
const GROWTH = 5 / 4
/**
 * With so many timeouts, and this share of the window, the window was too large. Single callbacks hang for other
 * reasons.
 */
const TIMEOUTS = { least: 3, share: 1 / 2 } as const

/**
 * How many POSTs an origin may have at once: one at first, and after a rest or a hold.
 *
 * - Slow start, up to `concurrency`: each answer adds one, so the window doubles in a round trip. From where the last
 *   shrinking ended, a whole window of answers adds one. Answers that had to queue add nothing: a receiver that handles
 *   one request at a time would otherwise get more and more, until all answers come too late.
 * - Growth, from `concurrency` to `growsTo`: a quarter in a round of answers, while all of the window is in use and the
 *   latency stays near its best (`Trial`). If the latency doubles, the window halves, but not below `concurrency`.
 * - Shrinking: at most once in a round trip. A size that failed is remembered, and the window stays below it for a time
 *   (`FailedSize`). An outage counts once.
 */
export class Window {
  #settings: WindowOptions
  #size = 1
  /** Where the slow start ends: the size after the last shrinking. */
  #threshold = Number.POSITIVE_INFINITY
  /** Answers since the window last grew. */
  #answers = 0
  /** The time of the quickest answer since the size was one. */
  #soonestMs = Number.POSITIVE_INFINITY
  /** When the window last shrank. Attempts that began before it do not change it again. */
  #changedAt = Number.NEGATIVE_INFINITY
  /** The size before it last shrank, and the timeouts since that count against it. */
  #last = { size: 1, timeouts: 0 }
  readonly #trial = new Trial()
  readonly #failed = new FailedSize()
  /** An attempt was answered that began after the last failure. */
  #wasAnswered = true
  /** Answers come in rounds of two windows: when this one began, how many it has, and when the last one began. */
  #round = { from: Number.NEGATIVE_INFINITY, answers: 0, lastFrom: Number.NEGATIVE_INFINITY }

  /** @param isWhole begins with `concurrency`. */
  constructor(settings: WindowOptions, isWhole: boolean) {
    this.#settings = settings
    if (isWhole) this.#size = settings.concurrency
  }

  get size(): number {
    return this.#size
  }

  get changedAt(): number {
    return this.#changedAt
  }

  /** The slow start is over. */
  isWhole(now: number): boolean {
    return this.#size >= Math.min(this.#settings.concurrency, this.#failed.most(now))
  }

  /** All of it is in use. */
  full(): void {
    if (this.#size >= this.#settings.concurrency) this.#trial.full()
  }

  /** Nothing was sent there recently. */
  restart(): void {
    this.#size = 1
  }

  reconfigure(settings: WindowOptions): void {
    const { concurrency, growsTo } = settings
    const wasWhole = this.#size >= this.#settings.concurrency
    this.#settings = settings
    this.#size = Math.min(growsTo, wasWhole ? Math.max(concurrency, this.#size) : Math.min(concurrency, this.#size))
  }

  answered(startedAtMs: number, now: number): void {
    this.#countRound(now)
    if (startedAtMs < this.#changedAt) return
    this.#wasAnswered = true
    this.#failed.answered(this.#size, startedAtMs, this.#settings.deadlineMs)
    const tookMs = now - startedAtMs
    this.#soonestMs = this.#size === 1 ? tookMs : Math.min(tookMs, this.#soonestMs)
    const isQuick = tookMs <= Math.max(SOON * this.#settings.deadlineMs, QUEUED * this.#soonestMs)
    if (isQuick) this.#startSlowly(now)
    const verdict = this.#trial.answered(startedAtMs, now)
    if (verdict === 'grow' && isQuick) this.#grow(now)
    else if (verdict === 'shrink') this.#fallBack(now)
  }

  #countRound(now: number): void {
    this.#round.answers += 1
    if (this.#round.answers >= 2 * this.#size) this.#round = { from: now, answers: 0, lastFrom: this.#round.from }
  }

  #startSlowly(now: number): void {
    const most = Math.min(this.#settings.concurrency, this.#failed.most(now))
    if (this.#size >= most) return
    this.#answers += 1
    if (this.#size >= this.#threshold && this.#answers < this.#size) return
    this.#answers = 0
    this.#size += 1
  }

  #grow(now: number): void {
    const { concurrency, growsTo } = this.#settings
    const most = Math.min(growsTo, this.#failed.most(now))
    if (this.#size < concurrency || this.#size >= most) return
    this.#size = Math.min(most, Math.ceil(this.#size * GROWTH))
    this.#trial.begin(now)
  }

  /** @returns whether it has shrunk. */
  #fallBack(now: number): boolean {
    const { concurrency } = this.#settings
    if (this.#size <= concurrency) return false
    this.#change(Math.max(concurrency, this.#size >> 1), now)
    return true
  }

  /** An attempt failed in a way that does not tell how many are too many. */
  failed(): void {
    this.#trial.failed()
  }

  /** An answer said that the receiver is busy. */
  refused(now: number): void {
    if (!this.#trial.refused()) return
    const { size } = this
    if (this.#fallBack(now)) this.#remember(size, this.#settings.concurrency, now)
  }

  /**
   * @param isAlone nothing was answered meanwhile.
   * @param isEnough the breaker opens.
   */
  timedOut(startedAtMs: number, now: number, isAlone: boolean, isEnough: boolean): void {
    if (startedAtMs >= this.#changedAt) this.shrink(this.#size >> 1, now)
    // It hung, and two windows were answered: it hangs for another reason, even if it is one of many.
    if (!isAlone || startedAtMs < this.#round.lastFrom) return
    const { size } = this.#last
    this.#last.timeouts += 1
    const share = isEnough ? 0 : TIMEOUTS.share * size
    if (this.#last.timeouts >= Math.max(TIMEOUTS.least, share)) this.#remember(size, 1, now)
  }

  #remember(size: number, least: number, now: number): void {
    if (this.#wasAnswered) this.#failed.note(size, least, now)
    this.#wasAnswered = false
  }

  /** A rest begins: the next POST is a probe. */
  rest(now: number): void {
    this.#change(1, now)
  }

  shrink(size: number, now: number): void {
    const smaller = Math.max(1, size)
    if (this.#size > 1) this.#threshold = smaller
    this.#change(smaller, now)
  }

  #change(size: number, now: number): void {
    this.#last = { size: this.#size, timeouts: 0 }
    this.#size = size
    this.#answers = 0
    this.#changedAt = now
    this.#trial.begin(now)
  }
}
