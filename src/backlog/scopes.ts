import type { OriginSign, ShownRow } from '../model.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { aheadMs, idleOrigins, mostAhead, mostRoom, refillMs, roomMs, slowMs } from '../policy/tuning.ts'
import { Breaker } from './breaker.ts'
import { Fifo, type Seat } from './fifo.ts'
import { byNumber, type Entry, Heap } from './heap.ts'
import { backlogName } from './origin-backlog.ts'
import { RateLimit } from './rate-limit.ts'
import { Slots } from './slots.ts'
import { isInTrouble, type Url, Urls } from './urls.ts'

/** The settings of a destination that scopes use. */
export type OriginSettings = Pick<
  DestinationSettings,
  'concurrency' | 'growsTo' | 'deadlineMs' | 'ratePerSecond' | 'breaker'
>

export interface ScopesOptions {
  readonly settingsOf: (origin: string) => OriginSettings
  /** Most POSTs at once that have waited less than a second. */
  readonly concurrency: number
  /** Most POSTs at once that have waited longer. */
  readonly slowConcurrency: number
}

/** Does the origin answer? `none`: not known; `given`: it has answered; `lost`: it has been silent since. */
type Proof = 'none' | 'given' | 'lost'

/** One origin: what it can take, and what runs there. */
interface Scope {
  readonly origin: string
  readonly breaker: Breaker
  rateLimit: RateLimit
  ratePerSecond: number | null
  readonly urls: Urls
  /** All POSTs of it. A POST is unproven here if its URL gets only one at a time. */
  readonly slots: Slots
  /** POSTs of it that have waited a second. */
  slow: number
  /** Rows claimed ahead that have not started. */
  ahead: number
  proof: Proof
  /** The start of the newest POST that was answered. */
  answeredFrom: number
  /** Recent attempts ended per millisecond, as of `endedAt`; see `paceOf`. */
  perMs: number
  endedAt: number
}

/** An outage: the breaker of an origin, or of one URL, was open. Times are by the clock of `ended`. */
export interface Downtime {
  readonly origin: string
  readonly urlHash: number | null
  /** The start of the first failed attempt. */
  readonly failedFrom: number
  /** The present time while the outage lasts. */
  readonly endedAt: number
}

/** A POST that is to be sent, or is on the wire. */
interface Post {
  readonly scope: Scope
  readonly url: Url
  /** As of the start. */
  readonly isUrlProven: boolean
  /** As of the start. */
  readonly isProven: boolean
  sentAt: number
  /** The place among POSTs that have waited less than a second, oldest first. */
  seat: Seat<Post> | undefined
  isSlow: boolean
}

/** Time constant of the measured pace, in milliseconds. */
const paceMs = 500
/** When this share of the slow slots is taken, no POST starts at an origin that has a slow one. */
const nearlyAll = 3 / 4

/**
 * What each origin can take now: how many POSTs at once, how many a second, and whether it rests. Pure; times are
 * milliseconds of any clock that only grows.
 *
 * - Fast and slow slots: a POST that has waited a second moves from the fast slots to the slow ones. POSTs that hang so
 *   do not keep others from starting.
 * - Proof: an origin is proven once it has answered. It loses the proof when a POST turns slow and no later one was
 *   answered. Then it gets one POST at a time, from the share of the unproven, and one for another URL.
 * - URLs: a URL in trouble (`urls.ts`) has slots of its own within its origin, as an origin has within the relay.
 * - Claimed ahead: an origin that is well, with all of its URLs, may have rows claimed ahead of its slots: what it takes
 *   in 20 ms, and at least one while all slots of the relay are taken. They start as slots come free, before its other
 *   rows. A slot that an origin with none ahead has asked for in vain goes to that origin.
 */
export class Scopes {
  readonly #options: ScopesOptions
  /** Origins with nothing under way stand in the order of their last use. */
  readonly #scopes = new Map<string, Scope>()
  readonly #posts = new Map<string, Post>()
  readonly #fast = new Slots()
  readonly #aging = new Fifo<Post>()
  /** Rows claimed ahead, by id. */
  readonly #ahead = new Map<string, Scope>()
  /**
   * Before this time only origins with nothing ahead take more, unless half of the rows ahead have started. Then all do,
   * in one claim.
   */
  #refillAt = Number.NEGATIVE_INFINITY
  #isRefilling = false
  /** How many rows were ahead after the last such claim. */
  #refilled = 0
  #slow = 0
  /** Origins that were asked for slots while they rested, by the time to ask again. */
  readonly #resting = new Heap<string, number>(byNumber)
  readonly #restingUntil = new Map<string, Entry<string, number>>()
  /** Origins and URLs with an open breaker where an attempt has ended since `probed`. */
  readonly #broken = new Map<string, Pick<Downtime, 'origin' | 'urlHash'>>()
  #outages: Downtime[] = []
  readonly #unready = new Set<string>()
  /** Origins that found no free slot of the relay, in the order of asking. Proven origins go first. */
  readonly #crowded = { given: new Set<string>(), none: new Set<string>(), lost: new Set<string>() }

  constructor(options: ScopesOptions) {
    this.#options = options
  }

  /** How many POSTs may start now, of any origin. */
  get free(): number {
    return this.#fast.free(this.#options.concurrency, true)
  }

  /** How many of them at origins of which nothing is known. */
  get freeForNew(): number {
    return this.#fast.free(this.#options.concurrency, false)
  }

  /** How many more rows may be claimed ahead now, of any origin. */
  get freeAhead(): number {
    return mostAhead - this.#ahead.size
  }

  /**
   * How many more rows of the origin, or of one URL, may be taken now. After a 0 not caused by its own POSTs, `opened`
   * says when to ask again.
   *
   * @param mayWait counts rows claimed ahead, too.
   */
  slots(origin: string, now: number, urlHash: number | null = null, mayWait = false): number {
    const name = backlogName(origin, urlHash)
    const scope = this.#scopes.get(origin)
    const url = urlHash === null ? undefined : scope?.urls.get(urlHash)
    if (scope) {
      const opensAt = Math.max(scope.breaker.opensAt, scope.rateLimit.opensAt, url?.breaker?.opensAt ?? 0)
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

  /** How many more rows of the origin may be claimed ahead. */
  #room(scope: Scope, now: number): number {
    const { origin, proof, breaker, ratePerSecond, urls, ahead } = scope
    if (proof !== 'given' || !breaker.answersWell || !urls.areWell || ratePerSecond !== null) return 0
    const least = this.free > 0 ? 0 : 1
    const room = Math.min(this.freeAhead, Math.max(least, Math.floor(paceOf(scope, now) * aheadMs)) - ahead)
    if (room <= 0) return 0
    const isLow = ahead === 0 || 2 * this.#ahead.size <= this.#refilled
    if (isLow || this.#isRefilling || now >= this.#refillAt) return room
    this.rest(origin, this.#refillAt)
    return 0
  }

  /** The URL has fewer slots than its origin at the moment. */
  isTroubled(origin: string, urlHash: number): boolean {
    const scope = this.#scopes.get(origin)
    const url = scope?.urls.get(urlHash)
    return scope !== undefined && url !== undefined && (isInTrouble(url) || isLimited(scope, url))
  }

  /** How many slots the relay has for the origin. */
  #given(scope: Scope | undefined): number {
    const { concurrency, slowConcurrency } = this.#options
    if (scope && scope.slow > 0 && this.#slow >= nearlyAll * slowConcurrency) return 0
    return this.#fast.free(concurrency, scope?.proof === 'given')
  }

  /**
   * `opened` returns the origin or URL at this time, or earlier if an earlier time was set. @param name of an origin,
   * or as `backlogName` gives it.
   */
  rest(name: string, until: number): void {
    const known = this.#restingUntil.get(name)
    if (known && known.rank <= until) return
    if (known) this.#resting.cancel(known)
    this.#restingUntil.set(name, this.#resting.push(name, until))
  }

  /** How many callbacks of the origin, or of one URL of it, are to be ready to go in memory. One while it is in trouble. */
  room(origin: string, now: number, urlHash: number | null = null): number {
    const scope = this.#scopes.get(origin)
    const { concurrency } = this.#options.settingsOf(origin)
    const least = 2 * Math.max(concurrency, scope?.breaker.window ?? 0)
    if (!scope) return least
    const url = urlHash === null ? undefined : scope.urls.get(urlHash)
    if (url && !isProven(url)) return 1
    const { isBroken, opensAt } = scope.breaker
    if (isBroken || scope.proof === 'lost' || Math.max(opensAt, url?.breaker?.opensAt ?? 0) > now) return 1
    return Math.min(mostRoom, Math.max(least, Math.ceil(scope.perMs * roomMs)))
  }

  /** The row takes its slots now. If none is free, the row is claimed ahead. */
  taken(row: Pick<ShownRow, 'id' | 'origin' | 'urlHash'>, now: number): void {
    const scope = this.#scopes.get(row.origin)
    if (!scope || this.#startsAtOnce(scope, row.urlHash, now)) this.started(row, now)
    else {
      this.#isRefilling = true
      this.#ahead.set(row.id, scope)
      scope.ahead += 1
      for (const origins of Object.values(this.#crowded)) origins.delete(row.origin)
    }
  }

  /** While rows are claimed ahead, no other row of the origin starts, except one whose URL is in trouble. */
  #startsAtOnce(scope: Scope, urlHash: number, now: number): boolean {
    const url = scope.urls.get(urlHash)
    const isApart = url !== undefined && isInTrouble(url)
    return (scope.ahead === 0 || isApart) && startable(scope, undefined, now) > 0 && this.#given(scope) > 0
  }

  /** The row was claimed ahead and has not started. */
  isAhead(id: string): boolean {
    return this.#ahead.has(id)
  }

  /** What a row claimed ahead does now. It leaves if only other URLs of its origin have slots. */
  ahead({ origin, urlHash }: Pick<ShownRow, 'origin' | 'urlHash'>, now: number): 'begins' | 'waits' | 'leaves' {
    const scope = this.#scopes.get(origin)
    if (!scope || !this.isWell(origin, now) || this.isFull) return 'waits'
    if (startable(scope, undefined, now) <= 0 || this.#given(scope) <= 0) return 'waits'
    const url = scope.urls.get(urlHash)
    return url && isLimited(scope, url) ? 'leaves' : 'begins'
  }

  /** All free slots of the relay are due to origins that asked in vain. */
  get isFull(): boolean {
    const { given, none, lost } = this.#crowded
    return this.free <= given.size + none.size + lost.size
  }

  /** Whether a POST of the origin may start now, without any regard to its URL. New origins may. */
  isReady(origin: string, now: number): boolean {
    const scope = this.#scopes.get(origin)
    if (!scope) return this.freeForNew > 0
    return (
      this.isWell(origin, now) && scope.ahead === 0 && startable(scope, undefined, now) > 0 && this.#given(scope) > 0
    )
  }

  /**
   * Origins that may not be ready though nothing is under way there: their last attempt has ended in trouble, or they
   * have a rate.
   */
  get unready(): ReadonlySet<string> {
    return this.#unready
  }

  /** The origin answers and does not rest, and no URL of it is in trouble. */
  isWell(origin: string, now: number): boolean {
    const scope = this.#scopes.get(origin)
    return scope?.proof === 'given' && scope.urls.areWell && scope.breaker.opensAt <= now
  }

  /** The row takes its slots. */
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
    if (scope.slots.taken >= scope.breaker.window) scope.breaker.full()
    scope.rateLimit.started(now)
  }

  /** The POST goes out. The second until it counts as slow begins. */
  sent(id: string, now: number): void {
    const post = this.#posts.get(id)
    if (!post) return
    post.sentAt = now
    post.seat = this.#aging.push(post)
  }

  /** The row was not sent after all. */
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
    this.#noteBreaker(scope, url, healed, now)
    this.#noteBreaker(scope, null, told ? scope.breaker.report(told) : null, now)
    if (sign.receiver === 'silent' && post.sentAt >= scope.answeredFrom) scope.proof = 'lost'
    else if (sign.receiver === 'alive' || sign.receiver === 'overloaded') {
      scope.proof = 'given'
      scope.answeredFrom = Math.max(scope.answeredFrom, post.sentAt)
    }
    scope.perMs = paceOf(scope, now) + 1 / paceMs
    scope.endedAt = now
    if (scope.ratePerSecond === null && this.isWell(scope.origin, now)) this.#unready.delete(scope.origin)
    else this.#unready.add(scope.origin)
    this.#leave(id, post)
  }

  /** Outages that have ended; each is returned once. */
  takeOutages(): readonly Downtime[] {
    const outages = this.#outages
    this.#outages = []
    return outages
  }

  get hasOutages(): boolean {
    return this.#outages.length > 0
  }

  /** Open breakers where a probe is due and none runs. */
  *probeless(now: number): Generator<Downtime> {
    for (const [name, { origin, urlHash }] of this.#broken) {
      const scope = this.#scopes.get(origin)
      const url = urlHash === null ? null : scope?.urls.get(urlHash)
      const breaker = url === null ? scope?.breaker : url?.breaker
      if (!scope || !breaker?.isBroken) this.#broken.delete(name)
      else if ((url ?? scope.slots).taken === 0 && Math.max(breaker.opensAt, scope.breaker.opensAt) <= now)
        yield { origin, urlHash, failedFrom: breaker.failedFrom, endedAt: now }
    }
  }

  /** `probeless` does not return it again before an attempt there has ended. */
  probed({ origin, urlHash }: Downtime): void {
    this.#broken.delete(backlogName(origin, urlHash))
  }

  /** @param failedFrom the start of the outage that is over now; null: none is. @param url null: the whole origin. */
  #noteBreaker(scope: Scope, url: Url | null, failedFrom: number | null, now: number): void {
    const { origin } = scope
    const urlHash = url?.hash ?? null
    if (failedFrom !== null) this.#outages.push({ origin, urlHash, failedFrom, endedAt: now })
    const breaker = url === null ? scope.breaker : url.breaker
    if (breaker?.isBroken) this.#broken.set(backlogName(origin, urlHash), { origin, urlHash })
    else if (this.#broken.size > 0) this.#broken.delete(backlogName(origin, urlHash))
  }

  /** An operator wants this row tried now: ends the rest of its origin and its URL. True if one of them rested. */
  endRest({ origin, urlHash }: Pick<ShownRow, 'origin' | 'urlHash'>, now: number): boolean {
    const scope = this.#scopes.get(origin)
    const resting = [scope?.breaker, scope?.urls.get(urlHash)?.breaker].filter(
      breaker => breaker && breaker.opensAt > now,
    )
    for (const breaker of resting) breaker?.endRest(now)
    return resting.some(breaker => breaker && breaker.opensAt <= now)
  }

  /** A hold on the origin was lifted. Unless a POST runs there, nothing is known of it, and it starts slowly. */
  startSlowly(origin: string): void {
    const scope = this.#scopes.get(origin)
    if (scope?.slots.taken === 0) scope.breaker.startSlowly()
  }

  /** Continues an outage from before this relay had the origin, unless the origin has answered well since. */
  resume({ origin, urlHash, failedFrom }: Pick<Downtime, 'origin' | 'urlHash' | 'failedFrom'>): void {
    const scope = this.#scopes.get(origin) ?? this.#meet(origin)
    if (urlHash !== null) scope.urls.resume(urlHash, failedFrom)
    else if (scope.perMs > 0 && scope.breaker.answersWell) return
    else scope.breaker.resume(failedFrom)
    this.#broken.set(backlogName(origin, urlHash), { origin, urlHash })
    this.#unready.add(origin)
  }

  /** The breaker of the origin has opened, and no probe was answered since. */
  isBroken(origin: string): boolean {
    return this.#scopes.get(origin)?.breaker.isBroken === true
  }

  /** How many of the remembered origins rest, and how many of their URLs. */
  resting(now: number): { readonly origins: number; readonly urls: number } {
    let [origins, ofUrls] = [0, 0]
    for (const { breaker, urls } of this.#scopes.values()) {
      if (breaker.opensAt > now) origins += 1
      ofUrls += urls.resting(now)
    }
    return { origins, urls: ofUrls }
  }

  /** Origins and URLs whose breaker opened, and no probe was answered since. Names are as `backlogName` gives them. */
  get broken(): string[] {
    return [...this.#scopes.values()].flatMap(({ origin, breaker, urls }) => {
      const ofUrls = urls.broken.map(hash => backlogName(origin, hash))
      return breaker.isBroken ? [origin, ...ofUrls] : ofUrls
    })
  }

  /** Origins and URLs to ask again: their rest is over, or the relay has slots for them. */
  opened(now: number): string[] {
    const opened = this.#age(now)
    if (this.#isRefilling) {
      this.#refillAt = now + refillMs
      this.#refilled = this.#ahead.size
    }
    this.#isRefilling = false
    for (let first = this.#resting.first; first?.item !== undefined && first.rank <= now; first = this.#resting.first) {
      opened.push(first.item)
      this.#restingUntil.delete(first.item)
      this.#resting.cancel(first)
    }
    return [...opened, ...this.#uncrowded()]
  }

  /** When `opened` has more to return; undefined: time alone will not tell. */
  get nextAt(): number | undefined {
    const restedAt = this.#resting.first?.rank
    const oldest = this.#aging.first
    if (!oldest || this.#slow >= this.#options.slowConcurrency) return restedAt
    return Math.min(restedAt ?? Number.POSITIVE_INFINITY, oldest.sentAt + slowMs)
  }

  /** Applies changed settings. Returns all origins, since each may have other slots now. */
  reconfigure(): string[] {
    for (const [origin, scope] of this.#scopes) {
      const settings = this.#options.settingsOf(origin)
      scope.breaker.reconfigure(settings)
      scope.urls.reconfigure(settings)
      if (settings.ratePerSecond === scope.ratePerSecond) continue
      scope.ratePerSecond = settings.ratePerSecond
      scope.rateLimit = new RateLimit(settings.ratePerSecond)
    }
    return [...this.#scopes.keys()]
  }

  /**
   * POSTs that have waited a second move from the fast slots to the slow ones, while those have room.
   *
   * @returns origins that lost their proof: another URL of theirs may be tried.
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

  /** Origins that found no slot, as many as may find one now. */
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
      breaker: new Breaker(settings),
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
      if (isIdle) {
        this.#scopes.delete(name)
        this.#unready.delete(name)
      }
      if (this.#scopes.size <= idleOrigins || isIdle) return
    }
  }
}

/** How many more POSTs of the origin, or of one URL, may start by their own limits. Unknown origins: one. */
function startable(scope: Scope | undefined, url: Url | undefined, now: number): number {
  return scope ? Math.min(slotsOf(scope, url), scope.rateLimit.startable(now)) : 1
}

function slotsOf(scope: Scope, url: Url | undefined): number {
  const { slots, urls } = scope
  const window = windowOf(scope)
  if (!url) return window - slots.taken
  return Math.min(slots.free(window, isProven(url)), urls.slots(url, window, slots.taken))
}

/** The origin has slots, but only for other URLs. */
function isLimited(scope: Scope, url: Url): boolean {
  return slotsOf(scope, url) <= 0 && slotsOf(scope, undefined) > 0
}

/** Attempts ended per millisecond, now. */
function paceOf({ perMs, endedAt }: Scope, now: number): number {
  return perMs * Math.exp((endedAt - now) / paceMs)
}

/** An origin that lost its proof gets two: one POST, and one for another URL. */
function windowOf({ breaker, proof }: Scope): number {
  return proof === 'lost' ? Math.min(2, breaker.concurrency) : breaker.window
}

function isProven({ isLost, breaker }: Url): boolean {
  return !isLost && breaker?.window !== 1
}
