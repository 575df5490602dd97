import type { OriginSign, ShownRow } from '../model.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { aheadMs, idleOrigins, mostAhead, mostRoom, refillMs, roomMs, slowMs } from '../policy/tuning.ts'
import { Fifo, type Seat } from './fifo.ts'
import { Health } from './health.ts'
import { byNumber, type Entry, Heap } from './heap.ts'
import { backlogName } from './origin-backlog.ts'
import { RateLimit } from './rate-limit.ts'
import { Slots } from './slots.ts'
import { isInTrouble, type Url, Urls } from './urls.ts'

/** What of a destination's settings the scopes go by. */
export type OriginSettings = Pick<DestinationSettings, 'concurrency' | 'deadlineMs' | 'ratePerSecond' | 'breaker'>

export interface ScopesOptions {
  readonly settingsOf: (origin: string) => OriginSettings
  /** POSTs at once that have not waited a second. */
  readonly concurrency: number
  /** Those at once that have. */
  readonly slowConcurrency: number
}

/** Whether it answers: nothing is known, it has answered, or it has been silent since. */
type Proof = 'none' | 'given' | 'lost'

/** One receiver: what it can take, and what it is given. */
interface Scope {
  readonly origin: string
  readonly health: Health
  rateLimit: RateLimit
  ratePerSecond: number | null
  readonly urls: Urls
  /** All that runs; unproven are those of URLs that are given one at a time. */
  readonly slots: Slots
  /** Those of them that have waited a second. */
  slow: number
  /** Rows claimed ahead that have not begun. */
  ahead: number
  proof: Proof
  /** The start of the newest POST that was answered. */
  answeredFrom: number
  /** Attempts ended a millisecond, of late. */
  perMs: number
  endedAt: number
}

/** The breaker of an origin, or of one URL of it, was open. Times are those of `ended`. */
export interface Downtime {
  readonly origin: string
  readonly urlHash: number | null
  /** The start of the first attempt that failed. */
  readonly failedFrom: number
  /** Now, while it lasts. */
  readonly endedAt: number
}

/** A POST that is to be sent, or is on the wire. */
interface Post {
  readonly scope: Scope
  readonly url: Url
  /** As it began. */
  readonly isUrlProven: boolean
  /** As it began. */
  readonly isProven: boolean
  sentAt: number
  /** Among those that have not waited a second, the oldest first. */
  seat: Seat<Post> | undefined
  isSlow: boolean
}

/** Over so long a time the pace is measured, in milliseconds. */
const paceMs = 500
/** With so many of the slow slots taken nothing starts where a POST is slow. */
const nearlyAll = 3 / 4

/**
 * What each origin can take just now: how many POSTs at once, how many a second, and whether it rests. Pure; times are
 * milliseconds of any clock that only grows.
 *
 * A POST that has waited a second leaves the fast slots and counts among the slow ones: those that hang do not keep others from
 * starting. An origin has proven itself when it has answered. It has not any more when a POST of it turns slow and none that
 * began later was answered; then it is given one POST at a time, out of the share of the unproven, and one for another URL.
 *
 * A URL in trouble (`urls.ts`) has slots of its own within those of its origin, as an origin has them within the relay.
 *
 * An origin that is well, with all of its URLs, may have rows claimed ahead of its slots: they begin as slots come free, before any
 * other row of it. A slot of the relay that another origin has asked for in vain is left to that one.
 */
export class Scopes {
  readonly #options: ScopesOptions
  /** Those without anything under way stand in the order in which they were used last. */
  readonly #scopes = new Map<string, Scope>()
  readonly #posts = new Map<string, Post>()
  readonly #fast = new Slots()
  readonly #aging = new Fifo<Post>()
  /** What was taken ahead, by id. */
  readonly #ahead = new Map<string, Scope>()
  /** Until then only origins with nothing ahead take more; then all do, in one claim. */
  #refillAt = Number.NEGATIVE_INFINITY
  #isRefilling = false
  #slow = 0
  /** Origins that were asked for slots while they rested, by the time when they are to be asked again. */
  readonly #resting = new Heap<string, number>(byNumber)
  readonly #restingUntil = new Map<string, Entry<string, number>>()
  /** Whose breaker has opened, and that nobody was told of since the last attempt there ended. */
  readonly #broken = new Map<string, Pick<Downtime, 'origin' | 'urlHash'>>()
  #outages: Downtime[] = []
  /** Origins that found no slot of the relay free, the first that asked first; those that have answered go before the others. */
  readonly #crowded = { given: new Set<string>(), none: new Set<string>(), lost: new Set<string>() }

  constructor(options: ScopesOptions) {
    this.#options = options
  }

  /** POSTs that may start now, of whatever origin. */
  get free(): number {
    return this.#fast.free(this.#options.concurrency, true)
  }

  /** How many more rows may be claimed ahead now, of whatever origin. */
  get freeAhead(): number {
    return mostAhead - this.#ahead.size
  }

  /**
   * How many more rows may be taken now, of the origin or of one URL of it. Where none may for another reason than its own POSTs,
   * `opened` says when to ask again.
   *
   * @param mayWait a row may be claimed ahead of its slot, too.
   */
  slots(origin: string, now: number, urlHash: number | null = null, mayWait = false): number {
    const name = backlogName(origin, urlHash)
    const scope = this.#scopes.get(origin)
    const url = urlHash === null ? undefined : scope?.urls.get(urlHash)
    if (scope) {
      const opensAt = Math.max(scope.health.opensAt, scope.rateLimit.opensAt, url?.health?.opensAt ?? 0)
      if (opensAt > now) {
        this.rest(name, opensAt)
        return 0
      }
      if (scope.ahead > 0 && !url) return mayWait ? this.#room(scope, now) : 0
    }
    const own = startable(scope, url, now)
    const given = own > 0 ? this.#given(scope) : 0
    if (given > 0) return Math.min(own, given)
    const ahead = mayWait && scope && urlHash === null ? this.#room(scope, now) : 0
    if (own > 0 && ahead === 0) this.#crowded[scope?.proof ?? 'none'].add(name)
    return ahead
  }

  /** How many more rows of it may be claimed ahead of their slots. */
  #room(scope: Scope, now: number): number {
    const { origin, proof, health, ratePerSecond, urls, ahead } = scope
    if (proof !== 'given' || !health.answersWell || !urls.areWell || ratePerSecond !== null) return 0
    const room = Math.min(this.freeAhead, Math.floor(paceOf(scope, now) * aheadMs) - ahead)
    if (room <= 0) return 0
    if (ahead === 0 || this.#isRefilling || now >= this.#refillAt) return room
    this.rest(origin, this.#refillAt)
    return 0
  }

  /** The URL has less than its origin, just now. */
  isTroubled(origin: string, urlHash: number): boolean {
    const scope = this.#scopes.get(origin)
    const url = scope?.urls.get(urlHash)
    return scope !== undefined && url !== undefined && (isInTrouble(url) || isLimited(scope, url))
  }

  /** What the relay has for it. */
  #given(scope: Scope | undefined): number {
    const { concurrency, slowConcurrency } = this.#options
    if (scope && scope.slow > 0 && this.#slow >= nearlyAll * slowConcurrency) return 0
    return this.#fast.free(concurrency, scope?.proof === 'given')
  }

  /** It is not to be asked before this time. @param name of an origin, or as `backlogName` has it. */
  rest(name: string, until: number): void {
    const known = this.#restingUntil.get(name)
    if (known && known.rank <= until) return
    if (known) this.#resting.cancel(known)
    this.#restingUntil.set(name, this.#resting.push(name, until))
  }

  /** How many callbacks of the origin memory may hold, or of one URL of it. */
  room(origin: string, now: number, urlHash: number | null = null): number {
    const scope = this.#scopes.get(origin)
    const least = 2 * this.#options.settingsOf(origin).concurrency
    if (!scope) return least
    const url = urlHash === null ? undefined : scope.urls.get(urlHash)
    if (scope.health.opensAt > now || (url?.health && url.health.opensAt > now)) return 1
    if (url?.isLost) return url.taken + 1
    if (url?.health?.window === 1) return 2
    if (scope.proof === 'lost') return scope.slots.taken + 1
    return Math.min(mostRoom, Math.max(least, Math.ceil(scope.perMs * roomMs)))
  }

  /** It takes its slots from now on; where none is free it is claimed ahead of them. */
  taken(row: Pick<ShownRow, 'id' | 'origin' | 'urlHash'>, now: number): void {
    const scope = this.#scopes.get(row.origin)
    if (!scope || this.#startsAtOnce(scope, row.urlHash, now)) this.started(row, now)
    else {
      this.#isRefilling = true
      this.#ahead.set(row.id, scope)
      scope.ahead += 1
    }
  }

  /** Behind what was claimed ahead of it no row begins, but for one of a URL that waits apart. */
  #startsAtOnce(scope: Scope, urlHash: number, now: number): boolean {
    const url = scope.urls.get(urlHash)
    const isApart = url !== undefined && isInTrouble(url)
    return (scope.ahead === 0 || isApart) && startable(scope, undefined, now) > 0 && this.#given(scope) > 0
  }

  /** It was taken ahead, and has not begun. */
  isAhead(id: string): boolean {
    return this.#ahead.has(id)
  }

  /** Whether a row that was claimed ahead begins now. It leaves when only other URLs of its origin have slots. */
  ahead({ origin, urlHash }: Pick<ShownRow, 'origin' | 'urlHash'>, now: number): 'begins' | 'waits' | 'leaves' {
    const scope = this.#scopes.get(origin)
    if (!scope || !this.isWell(origin, now) || this.isFull) return 'waits'
    if (startable(scope, undefined, now) <= 0 || this.#given(scope) <= 0) return 'waits'
    const url = scope.urls.get(urlHash)
    return url && isLimited(scope, url) ? 'leaves' : 'begins'
  }

  /** The slots of the relay that are free are meant for origins that have nothing ahead. */
  get isFull(): boolean {
    const { given, none, lost } = this.#crowded
    return this.free <= given.size + none.size + lost.size
  }

  /** It neither rests nor has it stopped answering, and no URL of it is in trouble. */
  isWell(origin: string, now: number): boolean {
    const scope = this.#scopes.get(origin)
    return scope?.proof === 'given' && scope.urls.areWell && scope.health.opensAt <= now
  }

  /** It takes its slots from now on. */
  started({ id, origin, urlHash }: Pick<ShownRow, 'id' | 'origin' | 'urlHash'>, now: number): void {
    this.#leaveAhead(id)
    const scope = this.#scopes.get(origin) ?? this.#meet(origin)
    const url = scope.urls.started(urlHash)
    const isUrlProven = isProven(url)
    const post: Post = {
      scope,
      url,
      isProven: scope.proof === 'given',
      isUrlProven,
      sentAt: now,
      seat: undefined,
      isSlow: false,
    }
    this.#posts.set(id, post)
    this.#fast.take(post.isProven)
    scope.slots.take(isUrlProven)
    scope.rateLimit.started(now)
  }

  /** Its POST begins: it may become slow from now on. */
  sent(id: string, now: number): void {
    const post = this.#posts.get(id)
    if (!post) return
    post.sentAt = now
    post.seat = this.#aging.push(post)
  }

  /** It was not sent after all. */
  withdrawn(id: string): void {
    this.#leaveAhead(id)
    const post = this.#posts.get(id)
    if (post) this.#leave(id, post)
  }

  ended(id: string, sign: OriginSign, now: number): void {
    const post = this.#posts.get(id)
    if (!post) return
    const { scope, url } = post
    const { told, healed } = scope.urls.judge(url, sign, post.sentAt)
    this.#noteHealth(scope, url, healed, now)
    this.#noteHealth(scope, null, told ? scope.health.report(told) : null, now)
    if (sign.receiver === 'silent' && post.sentAt >= scope.answeredFrom) scope.proof = 'lost'
    else if (sign.receiver === 'alive' || sign.receiver === 'overloaded') {
      scope.proof = 'given'
      scope.answeredFrom = Math.max(scope.answeredFrom, post.sentAt)
    }
    scope.perMs = paceOf(scope, now) + 1 / paceMs
    scope.endedAt = now
    this.#leave(id, post)
  }

  /** Outages that are over; each is told of once. */
  takeOutages(): readonly Downtime[] {
    const outages = this.#outages
    this.#outages = []
    return outages
  }

  get hasOutages(): boolean {
    return this.#outages.length > 0
  }

  /** Where a breaker is open and a probe may go that none has begun. */
  *probeless(now: number): Generator<Downtime> {
    for (const [name, { origin, urlHash }] of this.#broken) {
      const scope = this.#scopes.get(origin)
      const url = urlHash === null ? null : scope?.urls.get(urlHash)
      const health = url === null ? scope?.health : url?.health
      if (!scope || !health?.isBroken) this.#broken.delete(name)
      else if ((url ?? scope.slots).taken === 0 && Math.max(health.opensAt, scope.health.opensAt) <= now)
        yield { origin, urlHash, failedFrom: health.failedFrom, endedAt: now }
    }
  }

  /** `probeless` names it no more until an attempt there has ended. */
  probed({ origin, urlHash }: Downtime): void {
    this.#broken.delete(backlogName(origin, urlHash))
  }

  /** @param failedFrom of the outage that is over now; null: none is. @param url null: the whole origin. */
  #noteHealth(scope: Scope, url: Url | null, failedFrom: number | null, now: number): void {
    const { origin } = scope
    const urlHash = url?.hash ?? null
    if (failedFrom !== null) this.#outages.push({ origin, urlHash, failedFrom, endedAt: now })
    const health = url === null ? scope.health : url.health
    if (health?.isBroken) this.#broken.set(backlogName(origin, urlHash), { origin, urlHash })
    else if (this.#broken.size > 0) this.#broken.delete(backlogName(origin, urlHash))
  }

  /** An operator wishes a row tried now: its origin and its URL. True: one of them rested. */
  endRest({ origin, urlHash }: Pick<ShownRow, 'origin' | 'urlHash'>, now: number): boolean {
    const scope = this.#scopes.get(origin)
    const resting = [scope?.health, scope?.urls.get(urlHash)?.health].filter(health => health && health.opensAt > now)
    for (const health of resting) health?.endRest(now)
    return resting.some(health => health && health.opensAt <= now)
  }

  /** A hold of it was lifted: nothing has gone there of late, unless something goes there now. */
  startSlowly(origin: string): void {
    const scope = this.#scopes.get(origin)
    if (scope?.slots.taken === 0) scope.health.startSlowly()
  }

  /** Its breaker is open, or it asked for a rest. */
  isResting(origin: string, now: number): boolean {
    return (this.#scopes.get(origin)?.health.opensAt ?? now) > now
  }

  /** How many are, of those that are remembered. */
  restingCount(now: number): number {
    let count = 0
    for (const { health } of this.#scopes.values()) if (health.opensAt > now) count += 1
    return count
  }

  /** Origins and URLs whose breakers have opened, and no probe was answered since; by the names that `backlogName` gives. */
  get broken(): string[] {
    return [...this.#scopes.values()].flatMap(({ origin, health, urls }) => {
      const ofUrls = urls.broken.map(hash => backlogName(origin, hash))
      return health.isBroken ? [origin, ...ofUrls] : ofUrls
    })
  }

  /** Those that are to be asked again: their rest is over, or the relay has slots for them. */
  opened(now: number): string[] {
    const opened = this.#age(now)
    if (this.#isRefilling) this.#refillAt = now + refillMs
    this.#isRefilling = false
    for (let first = this.#resting.first; first?.item !== undefined && first.rank <= now; first = this.#resting.first) {
      opened.push(first.item)
      this.#restingUntil.delete(first.item)
      this.#resting.cancel(first)
    }
    return [...opened, ...this.#uncrowded()]
  }

  /** When `opened` has more to say; undefined: not by time alone. */
  get nextAt(): number | undefined {
    const restedAt = this.#resting.first?.rank
    const oldest = this.#aging.first
    if (!oldest || this.#slow >= this.#options.slowConcurrency) return restedAt
    return Math.min(restedAt ?? Number.POSITIVE_INFINITY, oldest.sentAt + slowMs)
  }

  /** What `settingsOf` says may have changed. Returns all origins: each may have other slots now. */
  reconfigure(): string[] {
    for (const [origin, scope] of this.#scopes) {
      const settings = this.#options.settingsOf(origin)
      scope.health.reconfigure(settings)
      scope.urls.reconfigure(settings)
      if (settings.ratePerSecond === scope.ratePerSecond) continue
      scope.ratePerSecond = settings.ratePerSecond
      scope.rateLimit = new RateLimit(settings.ratePerSecond)
    }
    return [...this.#scopes.keys()]
  }

  /**
   * Those that have waited a second leave the fast slots, while there are slow ones.
   *
   * @returns origins that do not answer any more: another URL of theirs may be tried.
   */
  #age(now: number): string[] {
    const lost: string[] = []
    for (let post = this.#aging.first; post && post.sentAt + slowMs <= now; post = this.#aging.first) {
      if (this.#slow >= this.#options.slowConcurrency) break
      this.#leaveFast(post)
      post.isSlow = true
      this.#slow += 1
      post.scope.slow += 1
      if (post.sentAt >= post.scope.answeredFrom) {
        post.scope.proof = 'lost'
        lost.push(post.scope.origin)
      }
      post.scope.urls.turnedSlow(post.url, post.sentAt)
    }
    return lost
  }

  /** As many of those that found no slot as may find one now. */
  #uncrowded(): string[] {
    const { concurrency } = this.#options
    const opened: string[] = []
    for (const [proof, origins] of Object.entries(this.#crowded)) {
      const most = this.#fast.free(concurrency, proof === 'given')
      for (const origin of origins) {
        if (opened.length >= most) break
        origins.delete(origin)
        opened.push(origin)
      }
    }
    return opened
  }

  #meet(origin: string): Scope {
    const settings = this.#options.settingsOf(origin)
    const { ratePerSecond } = settings
    const scope: Scope = {
      origin,
      health: new Health(settings),
      rateLimit: new RateLimit(ratePerSecond),
      ratePerSecond,
      urls: new Urls(settings),
      slots: new Slots(),
      slow: 0,
      ahead: 0,
      proof: 'none',
      answeredFrom: Number.NEGATIVE_INFINITY,
      perMs: 0,
      endedAt: 0,
    }
    this.#scopes.set(origin, scope)
    return scope
  }

  #leaveAhead(id: string): void {
    const scope = this.#ahead.get(id)
    if (!scope) return
    this.#ahead.delete(id)
    scope.ahead -= 1
  }

  #leaveFast(post: Post): void {
    if (post.seat) this.#aging.remove(post.seat)
    post.seat = undefined
    this.#fast.giveBack(post.isProven)
  }

  #leave(id: string, post: Post): void {
    const { scope } = post
    this.#posts.delete(id)
    if (post.isSlow) {
      this.#slow -= 1
      scope.slow -= 1
    } else this.#leaveFast(post)
    scope.slots.giveBack(post.isUrlProven)
    scope.urls.left(post.url)
    if (scope.slots.taken > 0) return
    this.#scopes.delete(scope.origin)
    this.#scopes.set(scope.origin, scope)
    if (this.#scopes.size <= idleOrigins) return
    for (const [name, { slots, ahead }] of this.#scopes) {
      const isIdle = slots.taken + ahead === 0
      if (isIdle) this.#scopes.delete(name)
      if (this.#scopes.size <= idleOrigins || isIdle) return
    }
  }
}

/** How many more POSTs may start, of it or of one URL of it, were the relay free; where nothing is known, one. */
function startable(scope: Scope | undefined, url: Url | undefined, now: number): number {
  return scope ? Math.min(slotsOf(scope, url), scope.rateLimit.startable(now)) : 1
}

function slotsOf(scope: Scope, url: Url | undefined): number {
  const { slots, urls } = scope
  const window = windowOf(scope)
  if (!url) return window - slots.taken
  return Math.min(slots.free(window, isProven(url)), urls.slots(url, window, slots.taken))
}

/** Its origin has slots for other URLs alone. */
function isLimited(scope: Scope, url: Url): boolean {
  return slotsOf(scope, url) <= 0 && slotsOf(scope, undefined) > 0
}

/** Attempts that end in a millisecond. */
function paceOf({ perMs, endedAt }: Scope, now: number): number {
  return perMs * Math.exp((endedAt - now) / paceMs)
}

/** One that does not answer any more gets one POST at a time, and one for another URL. */
function windowOf({ health, proof }: Scope): number {
  return proof === 'lost' ? Math.min(2, health.most) : health.window
}

function isProven({ isLost, health }: Url): boolean {
  return !isLost && health?.window !== 1
}
