import type { OriginSign } from '../model.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { Latest } from './latest.ts'

/** The settings of a destination that the breaker and its window use. */
export type BreakerOptions = Pick<DestinationSettings, 'concurrency' | 'deadlineMs' | 'breaker'>

/** An answer within this share of the deadline is soon enough, however much sooner others came. */
const SOON = 1 / 4
/** Beyond that, one that took so many times as long as the soonest shows that requests wait for each other there. */
const QUEUED = 1.5
/** The share of the latest answers from which on they are a sign of too much. */
const MUCH = 1 / 2
/** The share below which nothing is wrong any more. */
const LITTLE = 1 / 10
/** So long an origin must have been busy without another answer before it rests, in milliseconds: a retry may be taken by then. */
const BUSY_MS = 1_000
/** No rest is ended by an operator sooner than this after it began, in milliseconds. */
const RETRY_MS = 1_000
/** No pause between two probes grows longer by itself, in milliseconds. */
const LONGEST_PAUSE_MS = 60_000

/**
 * How much an origin can take just now, or a URL in trouble, from what its answers say. Pure; times are
 * milliseconds of any clock that only grows.
 *
 * - `window`, how many POSTs at once: one at first and after a rest or a hold. A timeout halves it. Busy answers make it smaller
 *   by half of their share, when that is half of the latest answers; at most once in a round trip. It stays
 *   near what worked: up to half of what was too much each answer adds one, so it doubles in a round trip (a slow start);
 *   beyond that a whole window of answers does. Answers that had to wait for others add nothing. A receiver that handles one
 *   request after the other would otherwise be given more and more, until all of them come too late and are sent again.
 * - A rest, in which nothing starts: after so many failures in a row, or as long as it asked for (Retry-After). What is
 *   then sent first is a probe, since the window is one; when it fails too, the next rest begins, twice as long, up to a minute.
 * - Silence, no answer within the deadline, is a sign of too much. It is a failure as well where nothing at all was answered
 *   meanwhile, so that one that hangs for good rests, and one that is merely slow does not.
 */
export class Breaker {
  #settings: BreakerOptions
  #window = 1
  /** Where the slow start ends: the window that was left when it was too much last. */
  #threshold = Number.POSITIVE_INFINITY
  /** Answers towards a window that is larger by one. */
  #answers = 0
  /** What the soonest answer took, since the window was one. */
  #soonestMs = Number.POSITIVE_INFINITY
  /** In a row. */
  #failures = 0
  /** When the first of them ended. */
  #failingFrom = 0
  /** The start of the earliest attempt that failed since the last success. */
  #failedFrom = Number.POSITIVE_INFINITY
  /** Rests in a row. */
  #rests = 0
  readonly #latest = new Latest()
  #opensAt = Number.NEGATIVE_INFINITY
  #answeredAt = Number.NEGATIVE_INFINITY
  /** Attempts that began before the window was last made smaller tell nothing new. */
  #judgedAt = Number.NEGATIVE_INFINITY

  /** @param wasWell it took all of its window until now. */
  constructor(settings: BreakerOptions, wasWell = false) {
    this.#settings = settings
    if (!wasWell) return
    this.#window = settings.concurrency
    this.#latest.assumeGood()
  }

  get window(): number {
    return this.#window
  }

  /** However well it is. */
  get most(): number {
    return this.#settings.concurrency
  }

  /** When the rest is over; in the past when there is none. */
  get opensAt(): number {
    return this.#opensAt
  }

  /** Its breaker has opened, and no probe was answered since. */
  get isBroken(): boolean {
    return this.#rests > 0
  }

  /** The start of the earliest attempt that failed since the last success; infinite: none has. */
  get failedFrom(): number {
    return this.#failedFrom
  }

  /** An outage goes on that another relay saw begin, or this one before a restart: a probe may go at once. */
  resume(failedFrom: number): void {
    this.#failures = this.#settings.breaker.failures
    this.#rests = 1
    this.#window = 1
    this.#failedFrom = Math.min(this.#failedFrom, failedFrom)
  }

  /** An operator wishes it tried now: its rest is over, and a probe may go. Not within its first second: every role may notify. */
  endRest(now: number): void {
    if (now >= this.#judgedAt + RETRY_MS) this.#opensAt = Math.min(this.#opensAt, now)
  }

  /** Its latest answer was no failure. */
  get answersWell(): boolean {
    return this.#failures === 0
  }

  /** All is as if nothing had been. */
  get isWell(): boolean {
    return this.#failures === 0 && this.#window >= this.#settings.concurrency && this.#latest.share < LITTLE
  }

  /** Nothing has gone there of late: one POST first. */
  startSlowly(): void {
    this.#window = 1
  }

  /** Other settings from now on. A rest that has begun ends as it would have. */
  reconfigure(settings: BreakerOptions): void {
    const isWhole = this.#window === this.#settings.concurrency
    this.#settings = settings
    this.#window = isWhole ? settings.concurrency : Math.min(settings.concurrency, this.#window)
  }

  /** @returns the start of the first attempt that failed of an outage that is over now; null: none is. */
  report(sign: OriginSign): number | null {
    const { isBroken } = this
    if (sign.receiver !== null && sign.receiver !== 'alive')
      this.#failedFrom = Math.min(this.#failedFrom, sign.startedAtMs)
    this.#judge(sign)
    const failedFrom = this.#failedFrom
    if (sign.receiver === 'alive' && this.#failures === 0) this.#failedFrom = Number.POSITIVE_INFINITY
    return isBroken && !this.isBroken ? failedFrom : null
  }

  #judge({ receiver, restMs, startedAtMs, finishedAtMs }: OriginSign): void {
    // What began before a rest tells nothing new.
    if (receiver === null || startedAtMs < this.#opensAt) return
    this.#latest.add(receiver !== 'alive')
    if (receiver === 'alive') this.#succeed(startedAtMs, finishedAtMs)
    else if (receiver === 'silent') this.#timeOut(startedAtMs, finishedAtMs)
    else if (startedAtMs >= this.#judgedAt) this.#fail(receiver, restMs, finishedAtMs)
  }

  #succeed(startedAtMs: number, now: number): void {
    this.#failures = 0
    this.#rests = 0
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
    if (startedAtMs >= this.#answeredAt) this.#countFailure(now)
    if (this.#restsByNow) this.#rest(this.#pauseMs, now)
    else if (startedAtMs >= this.#judgedAt) this.#shrink(this.#window >> 1, now)
  }

  #fail(receiver: 'overloaded' | 'failing', restMs: number, now: number): void {
    this.#countFailure(now)
    const { share } = this.#latest
    const isMuch = share >= MUCH || this.#failures > 1
    if (restMs > 0 && isMuch) this.#rest(this.#restsByNow ? Math.max(this.#pauseMs, restMs) : restMs, now)
    else if (receiver === 'failing' && this.#restsByNow) this.#rest(this.#pauseMs, now)
    else if (receiver === 'overloaded' && this.#restsByNow && this.#isBusyFor(now)) this.#rest(this.#pauseMs, now)
    else if (receiver === 'overloaded' && share >= MUCH) this.#shrink(Math.floor(this.#window * (1 - share / 2)), now)
  }

  #countFailure(now: number): void {
    if (this.#failures === 0) this.#failingFrom = now
    this.#failures += 1
  }

  get #restsByNow(): boolean {
    const { failures } = this.#settings.breaker
    return failures > 0 && this.#failures >= failures
  }

  /** Once it has rested a single probe is enough. */
  #isBusyFor(now: number): boolean {
    return this.#rests > 0 || now - this.#failingFrom >= BUSY_MS
  }

  get #pauseMs(): number {
    const { pauseMs } = this.#settings.breaker
    return Math.min(pauseMs * 2 ** this.#rests, Math.max(pauseMs, LONGEST_PAUSE_MS))
  }

  #rest(ms: number, now: number): void {
    if (this.#restsByNow) this.#rests += 1
    this.#opensAt = now + ms
    this.#startAnew(1, now)
  }

  #shrink(window: number, now: number): void {
    const smaller = Math.max(1, window)
    if (this.#window > 1) this.#threshold = smaller
    this.#startAnew(smaller, now)
  }

  #startAnew(window: number, now: number): void {
    this.#window = window
    this.#answers = 0
    this.#judgedAt = now
  }
}
