import type { DestinationSettings } from '../destinations.ts'
import type { OriginSign } from '../model.ts'

/** What of a destination's settings health goes by: how many POSTs at once while all is well, and when it rests. */
export type HealthSettings = Pick<DestinationSettings, 'concurrency' | 'breaker'>

/**
 * How much an origin can take just now, from what its answers say. Pure; times are those of the sequencer.
 *
 * - `window`, how many POSTs at once: all while it is well, half after each sign that it is busy, one after a rest or a
 *   hold. Each success adds one, so it doubles in a round trip: a slow start.
 * - A rest, in which nothing starts: after so many failures in a row, or as long as it asked for (Retry-After). What is
 *   then sent first is a probe, since the window is one; when it fails too, the next rest begins.
 */
export class Health {
  #settings: HealthSettings
  #window: number
  #failures = 0
  #opensAt = Number.NEGATIVE_INFINITY
  /** Attempts that began before the window was last made smaller tell nothing new. */
  #judgedAt = Number.NEGATIVE_INFINITY

  constructor(settings: HealthSettings) {
    this.#settings = settings
    this.#window = settings.concurrency
  }

  get window(): number {
    return this.#window
  }

  /** When the rest is over; in the past when there is none. */
  get opensAt(): number {
    return this.#opensAt
  }

  /** Nothing to be remembered. */
  get isWell(): boolean {
    return this.#window === this.#settings.concurrency && this.#failures === 0
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

  report({ health, restMs, startedAtMs, finishedAtMs }: OriginSign): void {
    if (health === null || startedAtMs < this.#judgedAt) return
    if (health === 'well') this.#succeed()
    else this.#fail(health, restMs, finishedAtMs)
  }

  #succeed(): void {
    this.#failures = 0
    this.#window = Math.min(this.#settings.concurrency, this.#window + 1)
  }

  #fail(health: 'busy' | 'ill', restMs: number, now: number): void {
    const { failures, pauseMs } = this.#settings.breaker
    this.#failures += 1
    if (failures > 0 && this.#failures >= failures) this.#rest(Math.max(pauseMs, restMs), now)
    else if (restMs > 0) this.#rest(restMs, now)
    else if (health === 'busy') this.#shrink(this.#window >> 1, now)
  }

  #rest(ms: number, now: number): void {
    this.#opensAt = now + ms
    this.#shrink(1, now)
  }

  #shrink(window: number, now: number): void {
    this.#window = Math.max(1, window)
    this.#judgedAt = now
  }
}
