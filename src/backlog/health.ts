import type { OriginSign } from '../model.ts'
import type { DestinationSettings } from '../policy/destinations.ts'

/** What of a destination's settings health goes by: how many POSTs at once at most, how long one may take, and when it rests. */
export type HealthSettings = Pick<DestinationSettings, 'concurrency' | 'deadlineMs' | 'breaker'>

/** An answer within this share of the deadline is soon enough, however much sooner others came. */
const SOON = 1 / 4
/** Beyond that, one that took so many times as long as the soonest shows that requests wait for each other there. */
const QUEUED = 1.5

/**
 * How much an origin can take just now, from what its answers say. Pure; times are
 * milliseconds of any clock that only grows.
 *
 * - `window`, how many POSTs at once: one at first and after a rest or a hold, half after each sign of too much. It stays
 *   near what worked: up to half of what was too much each answer adds one, so it doubles in a round trip (a slow start);
 *   beyond that a whole window of answers does. Answers that had to wait for others add nothing. A receiver that handles one
 *   request after the other would otherwise be given more and more, until all of them come too late and are sent again.
 * - A rest, in which nothing starts: after so many failures in a row, or as long as it asked for (Retry-After). What is
 *   then sent first is a probe, since the window is one; when it fails too, the next rest begins.
 * - Silence, no answer within the deadline, is a sign of too much. It is a failure as well where nothing at all was answered
 *   meanwhile, so that one that hangs for good rests, and one that is merely slow does not.
 */
export class Health {
  #settings: HealthSettings
  #window = 1
  /** Where the slow start ends: the window that was left when it was too much last. */
  #threshold = Number.POSITIVE_INFINITY
  /** Answers towards a window that is larger by one. */
  #answers = 0
  /** What the soonest answer took, since the window was one. */
  #soonestMs = Number.POSITIVE_INFINITY
  #failures = 0
  #opensAt = Number.NEGATIVE_INFINITY
  #answeredAt = Number.NEGATIVE_INFINITY
  /** Attempts that began before the window was last made smaller tell nothing new. */
  #judgedAt = Number.NEGATIVE_INFINITY

  constructor(settings: HealthSettings) {
    this.#settings = settings
  }

  get window(): number {
    return this.#window
  }

  /** When the rest is over; in the past when there is none. */
  get opensAt(): number {
    return this.#opensAt
  }

  /** Nothing has gone there of late: one POST first. */
  startSlowly(): void {
    this.#window = 1
  }

  /** Other settings from now on. A rest that has begun ends as it would have. */
  goBy(settings: HealthSettings): void {
    const isWhole = this.#window === this.#settings.concurrency
    this.#settings = settings
    this.#window = isWhole ? settings.concurrency : Math.min(settings.concurrency, this.#window)
  }

  report({ receiver, restMs, startedAtMs, finishedAtMs }: OriginSign): void {
    // What began before a rest tells nothing new.
    if (receiver === null || startedAtMs < this.#opensAt) return
    if (receiver === 'alive') this.#succeed(startedAtMs, finishedAtMs)
    else if (receiver === 'silent') this.#timeOut(startedAtMs, finishedAtMs)
    else if (startedAtMs >= this.#judgedAt) this.#fail(receiver, restMs, finishedAtMs)
  }

  #succeed(startedAtMs: number, now: number): void {
    this.#failures = 0
    this.#answeredAt = now
    if (startedAtMs < this.#judgedAt) return
    const tookMs = now - startedAtMs
    this.#soonestMs = this.#window === 1 ? tookMs : Math.min(tookMs, this.#soonestMs)
    if (tookMs <= Math.max(SOON * this.#settings.deadlineMs, QUEUED * this.#soonestMs)) this.#grow()
  }

  #grow(): void {
    this.#answers += 1
    if (this.#window >= this.#threshold && this.#answers < this.#window) return
    this.#answers = 0
    this.#window = Math.min(this.#settings.concurrency, this.#window + 1)
  }

  #timeOut(startedAtMs: number, now: number): void {
    if (startedAtMs >= this.#answeredAt) this.#failures += 1
    if (this.#restsByNow) this.#rest(this.#settings.breaker.pauseMs, now)
    else if (startedAtMs >= this.#judgedAt) this.#halve(now)
  }

  #fail(receiver: 'overloaded' | 'failing', restMs: number, now: number): void {
    this.#failures += 1
    if (this.#restsByNow) this.#rest(Math.max(this.#settings.breaker.pauseMs, restMs), now)
    else if (restMs > 0) this.#rest(restMs, now)
    else if (receiver === 'overloaded') this.#halve(now)
  }

  get #restsByNow(): boolean {
    const { failures } = this.#settings.breaker
    return failures > 0 && this.#failures >= failures
  }

  #rest(ms: number, now: number): void {
    this.#opensAt = now + ms
    this.#shrink(1, now)
  }

  #halve(now: number): void {
    const half = Math.max(1, this.#window >> 1)
    if (this.#window > 1) this.#threshold = half
    this.#shrink(half, now)
  }

  #shrink(window: number, now: number): void {
    this.#window = window
    this.#answers = 0
    this.#judgedAt = now
  }
}
