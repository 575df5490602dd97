import type { OriginSign, ShownRow } from '../model.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { aheadMs, idleOrigins, mostAhead, mostRoom, refillMs, roomMs, slowMs } from '../policy/tuning.ts'
import { Fifo, type Seat } from './fifo.ts'
import { Health } from './health.ts'
import { byNumber, type Entry, Heap } from './heap.ts'
import { Pace } from './pace.ts'
import { Slots } from './slots.ts'

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
  pace: Pace
  ratePerSecond: number | null
  running: number
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

/** The breaker of an origin was open. Times are those of `ended`. */
export interface Downtime {
  readonly origin: string
  /** The start of the first attempt that failed. */
  readonly failedFrom: number
  /** Now, while it lasts. */
  readonly endedAt: number
}

/** A POST that is to be sent, or is on the wire. */
interface Post {
  readonly scope: Scope
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
 * began later was answered; then it is given one POST at a time, out of the share of the unproven.
 *
 * An origin that is well may have rows claimed ahead of its slots: they begin as slots come free, before any other row of it. A slot of the
 * relay that another origin has asked for in vain is left to that one.
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
  /** Origins whose breaker has opened, and that nobody was told of since the last attempt there ended. */
  readonly #broken = new Set<string>()
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
   * How many more rows may be taken now. Of an origin that has none for another reason than its own POSTs, `opened` says when to ask again.
   *
   * @param mayWait a row may be claimed ahead of its slot, too.
   */
  slots(origin: string, now: number, mayWait = false): number {
    const scope = this.#scopes.get(origin)
    if (scope) {
      const opensAt = Math.max(scope.health.opensAt, scope.pace.opensAt)
      if (opensAt > now) {
        this.rest(origin, opensAt)
        return 0
      }
      if (scope.ahead > 0) return mayWait ? this.#room(scope, now) : 0
    }
    const own = ownSlots(scope, now)
    const given = own > 0 ? this.#given(scope) : 0
    if (given > 0) return Math.min(own, given)
    const ahead = mayWait && scope ? this.#room(scope, now) : 0
    if (own > 0 && ahead === 0) this.#crowded[scope?.proof ?? 'none'].add(origin)
    return ahead
  }

  /** How many more rows of it may be claimed ahead of their slots. */
  #room(scope: Scope, now: number): number {
    const { origin, proof, health, ratePerSecond, ahead } = scope
    if (proof !== 'given' || !health.isWell || ratePerSecond !== null) return 0
    const room = Math.min(this.freeAhead, Math.floor(paceOf(scope, now) * aheadMs) - ahead)
    if (room <= 0) return 0
    if (ahead === 0 || this.#isRefilling || now >= this.#refillAt) return room
    this.rest(origin, this.#refillAt)
    return 0
  }

  /** What the relay has for it. */
  #given(scope: Scope | undefined): number {
    const { concurrency, slowConcurrency } = this.#options
    if (scope && scope.slow > 0 && this.#slow >= nearlyAll * slowConcurrency) return 0
    return this.#fast.free(concurrency, scope?.proof === 'given')
  }

  /** It is not to be asked before this time. */
  rest(origin: string, until: number): void {
    const known = this.#restingUntil.get(origin)
    if (known && known.rank <= until) return
    if (known) this.#resting.cancel(known)
    this.#restingUntil.set(origin, this.#resting.push(origin, until))
  }

  /** How many of its callbacks memory may hold. */
  room(origin: string, now: number): number {
    const scope = this.#scopes.get(origin)
    const least = 2 * this.#options.settingsOf(origin).concurrency
    if (!scope) return least
    if (scope.health.opensAt > now) return 1
    if (scope.proof === 'lost') return scope.running + 1
    return Math.min(mostRoom, Math.max(least, Math.ceil(scope.perMs * roomMs)))
  }

  /** It takes its slots from now on; where none is free it is claimed ahead of them. */
  taken(row: Pick<ShownRow, 'id' | 'origin'>, now: number): void {
    const scope = this.#scopes.get(row.origin)
    if (!scope || (scope.ahead === 0 && ownSlots(scope, now) > 0 && this.#given(scope) > 0)) this.started(row, now)
    else {
      this.#isRefilling = true
      this.#ahead.set(row.id, scope)
      scope.ahead += 1
    }
  }

  /** It was taken ahead, and has not begun. */
  isAhead(id: string): boolean {
    return this.#ahead.has(id)
  }

  /** A row that was claimed ahead may begin. */
  mayBegin(origin: string, now: number): boolean {
    const scope = this.#scopes.get(origin)
    if (!scope || !this.isWell(origin, now) || this.isFull) return false
    return ownSlots(scope, now) > 0 && this.#given(scope) > 0
  }

  /** The slots of the relay that are free are meant for origins that have nothing ahead. */
  get isFull(): boolean {
    const { given, none, lost } = this.#crowded
    return this.free <= given.size + none.size + lost.size
  }

  /** It neither rests nor has it stopped answering. */
  isWell(origin: string, now: number): boolean {
    const scope = this.#scopes.get(origin)
    return scope?.proof === 'given' && scope.health.opensAt <= now
  }

  /** It takes its slots from now on. */
  started({ id, origin }: Pick<ShownRow, 'id' | 'origin'>, now: number): void {
    this.#leaveAhead(id)
    const scope = this.#scopes.get(origin) ?? this.#meet(origin)
    const post: Post = { scope, isProven: scope.proof === 'given', sentAt: now, seat: undefined, isSlow: false }
    this.#posts.set(id, post)
    this.#fast.take(post.isProven)
    scope.running += 1
    scope.pace.started(now)
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

  /** @param url without its query. */
  ended(id: string, sign: OriginSign, now: number, url = ''): void {
    const post = this.#posts.get(id)
    if (!post) return
    const { scope } = post
    const failedFrom = scope.health.report(sign, url)
    if (failedFrom !== null) this.#outages.push({ origin: scope.origin, failedFrom, endedAt: now })
    if (scope.health.isBroken) this.#broken.add(scope.origin)
    else this.#broken.delete(scope.origin)
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

  /** Origins whose breaker is open, and where a probe may go that none has begun. */
  *probeless(now: number): Generator<Downtime> {
    for (const origin of this.#broken) {
      const scope = this.#scopes.get(origin)
      if (!scope) this.#broken.delete(origin)
      else if (scope.running === 0 && scope.health.opensAt <= now)
        yield { origin, failedFrom: scope.health.failedFrom, endedAt: now }
    }
  }

  /** `probeless` names it no more until an attempt there has ended. */
  probed(origin: string): void {
    this.#broken.delete(origin)
  }

  /** An operator wishes it tried now. True: it rested. */
  endRest(origin: string, now: number): boolean {
    const scope = this.#scopes.get(origin)
    if (!scope || scope.health.opensAt <= now) return false
    scope.health.endRest(now)
    return scope.health.opensAt <= now
  }

  /** A hold of it was lifted: nothing has gone there of late, unless something goes there now. */
  startSlowly(origin: string): void {
    const scope = this.#scopes.get(origin)
    if (scope?.running === 0) scope.health.startSlowly()
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

  /** Their breakers have opened, and no probe was answered since. */
  get broken(): string[] {
    return [...this.#scopes.values()].flatMap(({ origin, health }) => (health.isBroken ? origin : []))
  }

  /** Those that are to be asked again: their rest is over, or the relay has slots for them. */
  opened(now: number): string[] {
    this.#age(now)
    if (this.#isRefilling) this.#refillAt = now + refillMs
    this.#isRefilling = false
    const opened: string[] = []
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
      scope.health.goBy(settings)
      if (settings.ratePerSecond === scope.ratePerSecond) continue
      scope.ratePerSecond = settings.ratePerSecond
      scope.pace = new Pace(settings.ratePerSecond)
    }
    return [...this.#scopes.keys()]
  }

  /** Those that have waited a second leave the fast slots, while there are slow ones. */
  #age(now: number): void {
    for (let post = this.#aging.first; post && post.sentAt + slowMs <= now; post = this.#aging.first) {
      if (this.#slow >= this.#options.slowConcurrency) return
      this.#leaveFast(post)
      post.isSlow = true
      this.#slow += 1
      post.scope.slow += 1
      if (post.sentAt >= post.scope.answeredFrom) post.scope.proof = 'lost'
    }
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
      pace: new Pace(ratePerSecond),
      ratePerSecond,
      running: 0,
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
    scope.running -= 1
    if (scope.running > 0) return
    this.#scopes.delete(scope.origin)
    this.#scopes.set(scope.origin, scope)
    if (this.#scopes.size <= idleOrigins) return
    for (const [name, { running, ahead }] of this.#scopes) {
      const isIdle = running + ahead === 0
      if (isIdle) this.#scopes.delete(name)
      if (this.#scopes.size <= idleOrigins || isIdle) return
    }
  }
}

/** How many more POSTs it can take by itself; one that nothing is known of begins with one. */
function ownSlots(scope: Scope | undefined, now: number): number {
  return scope ? Math.min(windowOf(scope) - scope.running, scope.pace.startable(now)) : 1
}

/** Attempts that end in a millisecond. */
function paceOf({ perMs, endedAt }: Scope, now: number): number {
  return perMs * Math.exp((endedAt - now) / paceMs)
}

/** One that does not answer any more gets one POST at a time. */
function windowOf({ health, proof }: Scope): number {
  return proof === 'lost' ? 1 : health.window
}
