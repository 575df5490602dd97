import type { OriginSign } from '../model.ts'
import { knownUrls } from '../policy/tuning.ts'
import { Breaker, type BreakerOptions } from './breaker.ts'
import { Latest } from './latest.ts'

/** From this share of bad answers on, from two URLs or more, a failure counts for the origin. */
const MUCH = 1 / 2
/** With this many bad URLs, a Retry-After counts for the origin. */
const MANY = 5

/** One URL of an origin, without its query. */
export interface Url {
  readonly hash: number
  /** It was well once. */
  isProven: boolean
  /** Its newest answer, or missing answer, was bad; undefined: there was none. */
  isBad: boolean | undefined
  /** A POST has waited a second, and none that began later was answered. */
  isLost: boolean
  /** The start of the newest POST that was answered. */
  answeredFrom: number
  /** Its POSTs under way. */
  taken: number
  /** Those of them that started after the last answer. */
  unanswered: number
  /** Set while it is in trouble. */
  breaker: Breaker | undefined
}

/**
 * The URLs of one origin: those with POSTs under way, and those answered last. It decides whether a failure is the
 * URL's or the origin's.
 *
 * - A failure of the connection is the origin's.
 * - A bad or missing answer is the URL's, which then has a window and a breaker of its own until it is well.
 * - It is the origin's as well if all known URLs are bad, or if half of the latest answers are, from more than one URL.
 *   A URL in trouble counts only once for that.
 * - A Retry-After is the URL's, and also the origin's if many URLs are bad.
 * - If other URLs are known, a URL may have at most half of what they leave of the window without an answer. So one
 *   that begins to hang cannot take the whole window before its POSTs turn slow.
 */
export class Urls {
  readonly #known = new Map<number, Url>()
  readonly #inTrouble = new Set<Url>()
  readonly #latest = new Latest()
  #settings: BreakerOptions

  constructor(settings: BreakerOptions) {
    this.#settings = settings
  }

  /** No URL is in trouble. */
  get areWell(): boolean {
    return this.#inTrouble.size === 0
  }

  /** URLs whose breaker has opened, and no probe was answered since. */
  get broken(): number[] {
    return [...this.#inTrouble].flatMap(({ hash, breaker }) => (breaker?.isBroken ? hash : []))
  }

  /** How many URLs rest. */
  resting(now: number): number {
    let count = 0
    for (const { breaker } of this.#inTrouble) if (breaker && breaker.opensAt > now) count += 1
    return count
  }

  get(hash: number): Url | undefined {
    return this.#known.get(hash)
  }

  reconfigure(settings: BreakerOptions): void {
    this.#settings = settings
    for (const { breaker } of this.#known.values()) breaker?.reconfigure(settings)
  }

  /** How many more POSTs of the URL may start, in a window of the origin with `running` POSTs. */
  slots(url: Url, window: number, running: number): number {
    const own = url.isLost ? 1 : (url.breaker?.window ?? Number.POSITIVE_INFINITY)
    const left = window - (running - url.taken)
    const unanswered = this.#known.size === 1 ? Number.POSITIVE_INFINITY : Math.max(1, left >> 1)
    return Math.min(own - url.taken, unanswered - url.unanswered)
  }

  started(hash: number): Url {
    const url = this.#meet(hash)
    url.taken += 1
    url.unanswered += 1
    return url
  }

  /** Continues an outage of a URL, unless it has answered well since. */
  resume(hash: number, failedFrom: number): void {
    const url = this.#meet(hash)
    if (url.isProven) return
    url.isBad = true
    url.breaker ??= new Breaker(this.#settings)
    url.breaker.resume(failedFrom)
    this.#note(url)
    if (this.#known.size > knownUrls) this.#forgetOne()
  }

  #meet(hash: number): Url {
    const url = this.#known.get(hash) ?? {
      hash,
      isProven: false,
      isBad: undefined,
      isLost: false,
      answeredFrom: Number.NEGATIVE_INFINITY,
      taken: 0,
      unanswered: 0,
      breaker: undefined,
    }
    this.#known.set(hash, url)
    return url
  }

  /** A POST of the URL has ended. */
  left(url: Url): void {
    url.taken -= 1
    url.unanswered = Math.min(url.unanswered, url.taken)
    if (this.#known.size === 1) return
    this.#known.delete(url.hash)
    this.#known.set(url.hash, url)
    if (this.#known.size > knownUrls) this.#forgetOne()
  }

  /** A POST that started at `sentAt` has waited a second. */
  turnedSlow(url: Url, sentAt: number): void {
    if (sentAt >= url.answeredFrom) url.isLost = true
    this.#note(url)
  }

  /**
   * @returns `told`: the sign for the origin; null: it is the URL's alone. `healed`: the start of the first failed
   * attempt of an outage of the URL that is over now; null: none is.
   */
  judge(
    url: Url,
    sign: OriginSign,
    sentAt: number,
  ): { readonly told: OriginSign | null; readonly healed: number | null } {
    const { receiver } = sign
    if (receiver === null || sign.isOfConnection) return { told: sign, healed: null }
    if (receiver === 'silent') this.turnedSlow(url, sentAt)
    else this.#answered(url, sentAt)
    url.isBad = receiver !== 'alive'
    if (!url.isBad || !url.breaker) this.#latest.add(url.isBad)
    if (url.isBad) return { told: this.#fail(url, sign), healed: null }
    url.isProven = true
    const healed = url.breaker?.report(sign) ?? null
    if (url.breaker?.isWell(sign.finishedAtMs)) url.breaker = undefined
    this.#note(url)
    return { told: sign, healed }
  }

  #answered(url: Url, sentAt: number): void {
    url.unanswered = 0
    url.isLost = false
    url.answeredFrom = Math.max(url.answeredFrom, sentAt)
  }

  #fail(url: Url, sign: OriginSign): OriginSign | null {
    if (this.#known.size > 1 || sign.restMs > 0) url.breaker ??= new Breaker(this.#settings, url.isProven)
    url.breaker?.report(sign)
    this.#note(url)
    const answered = [...this.#known.values()].filter(({ isBad }) => isBad !== undefined)
    const bad = answered.filter(({ isBad }) => isBad).length
    const isOfOrigin = bad === answered.length || (bad > 1 && this.#latest.share >= MUCH)
    return isOfOrigin ? { ...sign, restMs: bad >= MANY ? sign.restMs : 0 } : null
  }

  #note(url: Url): void {
    if (isInTrouble(url)) this.#inTrouble.add(url)
    else if (this.#inTrouble.size > 0) this.#inTrouble.delete(url)
  }

  /** Forgets the URL used longest ago, if possible one without trouble. */
  #forgetOne(): void {
    let first: Url | undefined
    for (const url of this.#known.values()) {
      if (url.taken > 0) continue
      first ??= url
      if (url.breaker || url.isLost) continue
      first = url
      break
    }
    if (!first) return
    this.#known.delete(first.hash)
    this.#inTrouble.delete(first)
  }
}

/** It has its own window and breaker, or does not answer. */
export function isInTrouble({ breaker, isLost }: Url): boolean {
  return isLost || breaker !== undefined
}
