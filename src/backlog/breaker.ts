import type { OriginSign } from '../model.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { Latest } from './latest.ts'
import { Window } from './window.ts'

/** The settings of a destination that the breaker and its window use. */
export type BreakerOptions = Pick<DestinationSettings, 'concurrency' | 'growsTo' | 'deadlineMs' | 'breaker'>

/** From this share of bad answers among the latest on, the origin is overloaded. */
const MUCH = 1 / 2
/** Below this share all is well. */
const LITTLE = 1 / 10
/**
 * An origin that answers "busy" rests only after it has failed for this long, in milliseconds. By then it may take a
 * retry.
 */
const BUSY_MS = 1_000
/** How long an operator cannot end a rest that has just begun, in milliseconds. */
const RETRY_MS = 1_000
/** The pause between two probes does not double beyond this, in milliseconds. */
const LONGEST_PAUSE_MS = 60_000

/**
 * How much an origin, or a URL in trouble, can take, judged by its answers. Pure; times are milliseconds of any clock
 * that only grows.
 *
 * - Window: the number of POSTs at once (`Window`). A timeout halves it. If half or more of the latest answers are bad,
 *   a busy answer takes half of that share off it. Both happen at most once in a round trip.
 * - Rest: nothing starts. It follows a number of failures in a row, or a Retry-After. Then the window is one, so the
 *   first POST is a probe. If it fails, the next rest is twice as long, up to a minute.
 * - Silence: no answer within the deadline. It shrinks the window. It is a failure only if nothing else was answered
 *   meanwhile: so an origin that hangs rests, and one that is merely slow does not.
 */
export class Breaker {
  #settings: BreakerOptions
  readonly #window: Window
  /** Failures in a row. */
  #failures = 0
  /** When the first of them ended. */
  #failingFrom = 0
  /** The start of the earliest failed attempt since the last success. */
  #failedFrom = Number.POSITIVE_INFINITY
  /** Rests in a row. */
  #rests = 0
  readonly #latest = new Latest()
  #opensAt = Number.NEGATIVE_INFINITY
  #answeredAt = Number.NEGATIVE_INFINITY

  /** @param wasWell starts with the whole window. */
  constructor(settings: BreakerOptions, wasWell = false) {
    this.#settings = settings
    this.#window = new Window(settings, wasWell)
    if (wasWell) this.#latest.assumeGood()
  }

  /** How many POSTs it may have at once. */
  get window(): number {
    return this.#window.size
  }

  /** All of the window is in use. */
  full(): void {
    this.#window.full()
  }

  /** How many it may have at once when all is well. */
  get concurrency(): number {
    return this.#settings.concurrency
  }

  /** When the rest ends; in the past if there is none. */
  get opensAt(): number {
    return this.#opensAt
  }

  /** The breaker has opened, and no probe was answered since. */
  get isBroken(): boolean {
    return this.#rests > 0
  }

  /** The start of the earliest failed attempt since the last success; infinite: none has failed. */
  get failedFrom(): number {
    return this.#failedFrom
  }

  /** Continues an outage that another relay saw, or this one before a restart. A probe may start at once. */
  resume(failedFrom: number): void {
    this.#failures = this.#settings.breaker.failures
    this.#rests = 1
    this.#window.restart()
    this.#failedFrom = Math.min(this.#failedFrom, failedFrom)
  }

  /** An operator wants it tried now: ends the rest, but not in its first second, since every role may notify. */
  endRest(now: number): void {
    if (now >= this.#window.changedAt + RETRY_MS) this.#opensAt = Math.min(this.#opensAt, now)
  }

  /** The latest answer was no failure. */
  get answersWell(): boolean {
    return this.#failures === 0
  }

  /** As if there had never been trouble. */
  isWell(now: number): boolean {
    return this.#failures === 0 && this.#window.isWhole(now) && this.#latest.share < LITTLE
  }

  /** Nothing was sent there recently, so only one POST starts. */
  startSlowly(): void {
    this.#window.restart()
  }

  /** Applies other settings. A rest that has begun keeps its end. */
  reconfigure(settings: BreakerOptions): void {
    this.#settings = settings
    this.#window.reconfigure(settings)
  }

  /** @returns the start of the first failed attempt of an outage that is over now; null: none is. */
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
    // An attempt that began before a rest says nothing new.
    if (receiver === null || startedAtMs < this.#opensAt) return
    this.#latest.add(receiver !== 'alive')
    if (receiver === 'alive') this.#succeed(startedAtMs, finishedAtMs)
    else if (receiver === 'silent') this.#timeOut(startedAtMs, finishedAtMs)
    else if (startedAtMs >= this.#window.changedAt) this.#fail(receiver, restMs, finishedAtMs)
  }

  #succeed(startedAtMs: number, now: number): void {
    this.#failures = 0
    this.#rests = 0
    this.#answeredAt = now
    this.#window.answered(startedAtMs, now)
  }

  #timeOut(startedAtMs: number, now: number): void {
    if (startedAtMs >= this.#answeredAt) this.#countFailure(now)
    const isAlone = (startedAtMs + now) / 2 >= this.#answeredAt
    this.#window.timedOut(startedAtMs, now, isAlone, this.#restsByNow)
    if (this.#restsByNow) this.#rest(this.#pauseMs, now)
  }

  #fail(receiver: 'overloaded' | 'failing', restMs: number, now: number): void {
    this.#countFailure(now)
    const { share } = this.#latest
    const isMuch = share >= MUCH || this.#failures > 1
    if (restMs > 0 && isMuch) this.#rest(this.#restsByNow ? Math.max(this.#pauseMs, restMs) : restMs, now)
    else if (receiver === 'failing' && this.#restsByNow) this.#rest(this.#pauseMs, now)
    else if (receiver === 'overloaded' && this.#restsByNow && this.#isBusyFor(now)) this.#rest(this.#pauseMs, now)
    else if (receiver === 'failing') this.#window.failed()
    else if (share >= MUCH) this.#window.shrink(Math.floor(this.window * (1 - share / 2)), now)
    else this.#window.refused(now)
  }

  #countFailure(now: number): void {
    if (this.#failures === 0) this.#failingFrom = now
    this.#failures += 1
  }

  get #restsByNow(): boolean {
    const { failures } = this.#settings.breaker
    return failures > 0 && this.#failures >= failures
  }

  /** After a rest, a single failed probe is enough. */
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
    this.#window.rest(now)
  }
}
