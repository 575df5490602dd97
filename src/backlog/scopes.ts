import type { OriginSign } from '../model.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { idleOrigins, mostRoom, roomMs } from '../policy/tuning.ts'
import { Health } from './health.ts'
import { byNumber, Heap } from './heap.ts'
import { Pace } from './pace.ts'

/** What of a destination's settings the scopes go by. */
export type OriginSettings = Pick<DestinationSettings, 'concurrency' | 'deadlineMs' | 'ratePerSecond' | 'breaker'>

/** One receiver: what it can take, and what it is given. */
interface Scope {
  readonly health: Health
  pace: Pace
  ratePerSecond: number | null
  running: number
  /** Attempts ended a millisecond, of late. */
  perMs: number
  endedAt: number
}

/** Over so long a time the pace is measured, in milliseconds. */
const paceMs = 500

/**
 * What each origin can take just now: how many POSTs at once, how many a second, and whether it rests. Pure; times are
 * milliseconds of any clock that only grows.
 */
export class Scopes {
  readonly #settingsOf: (origin: string) => OriginSettings
  /** Those without anything under way stand in the order in which they were used last. */
  readonly #scopes = new Map<string, Scope>()
  /** Origins that were asked for slots while they rested, by the time when they are to be asked again. */
  readonly #resting = new Heap<string, number>(byNumber)
  readonly #isResting = new Set<string>()

  constructor(settingsOf: (origin: string) => OriginSettings) {
    this.#settingsOf = settingsOf
  }

  /** How many more POSTs may start now. Of an origin that has none since it rests, `opened` says when to ask again. */
  slots(origin: string, now: number): number {
    const scope = this.#scopes.get(origin)
    if (!scope) return 1
    const opensAt = Math.max(scope.health.opensAt, scope.pace.opensAt)
    if (opensAt > now) {
      this.rest(origin, opensAt)
      return 0
    }
    return Math.max(0, Math.min(scope.health.window - scope.running, scope.pace.startable(now)))
  }

  /** It is not to be asked before this time. */
  rest(origin: string, until: number): void {
    if (this.#isResting.has(origin)) return
    this.#isResting.add(origin)
    this.#resting.push(origin, until)
  }

  /** How many of its callbacks memory may hold. */
  room(origin: string, now: number): number {
    const scope = this.#scopes.get(origin)
    if (!scope) return 2 * this.#settingsOf(origin).concurrency
    if (scope.health.opensAt > now) return 1
    const least = 2 * this.#settingsOf(origin).concurrency
    return Math.min(mostRoom, Math.max(least, Math.ceil(scope.perMs * roomMs)))
  }

  started(origin: string, now: number): void {
    const scope = this.#scopes.get(origin) ?? this.#meet(origin)
    scope.running += 1
    scope.pace.started(now)
  }

  /** It was not sent after all. */
  withdrawn(origin: string): void {
    const scope = this.#scopes.get(origin)
    if (scope) this.#leave(origin, scope)
  }

  ended(origin: string, sign: OriginSign, now: number): void {
    const scope = this.#scopes.get(origin)
    if (!scope) return
    scope.health.report(sign)
    scope.perMs = scope.perMs * Math.exp((scope.endedAt - now) / paceMs) + 1 / paceMs
    scope.endedAt = now
    this.#leave(origin, scope)
  }

  /** A hold of it was lifted: nothing has gone there of late, unless something goes there now. */
  startSlowly(origin: string): void {
    const scope = this.#scopes.get(origin)
    if (scope?.running === 0) scope.health.startSlowly()
  }

  /** Those whose rest is over. */
  opened(now: number): string[] {
    const opened: string[] = []
    for (let first = this.#resting.first; first?.item !== undefined && first.rank <= now; first = this.#resting.first) {
      opened.push(first.item)
      this.#isResting.delete(first.item)
      this.#resting.cancel(first)
    }
    return opened
  }

  /** When the next rest is over; undefined: none rests. */
  get nextAt(): number | undefined {
    return this.#resting.first?.rank
  }

  /** What `settingsOf` says may have changed. Returns all origins: each may have other slots now. */
  reconfigure(): string[] {
    for (const [origin, scope] of this.#scopes) {
      const settings = this.#settingsOf(origin)
      scope.health.goBy(settings)
      if (settings.ratePerSecond === scope.ratePerSecond) continue
      scope.ratePerSecond = settings.ratePerSecond
      scope.pace = new Pace(settings.ratePerSecond)
    }
    return [...this.#scopes.keys()]
  }

  #meet(origin: string): Scope {
    const settings = this.#settingsOf(origin)
    const { ratePerSecond } = settings
    const scope = {
      health: new Health(settings),
      pace: new Pace(ratePerSecond),
      ratePerSecond,
      running: 0,
      perMs: 0,
      endedAt: 0,
    }
    this.#scopes.set(origin, scope)
    return scope
  }

  #leave(origin: string, scope: Scope): void {
    scope.running -= 1
    if (scope.running > 0) return
    this.#scopes.delete(origin)
    this.#scopes.set(origin, scope)
    if (this.#scopes.size <= idleOrigins) return
    for (const [name, { running }] of this.#scopes) {
      if (running === 0) this.#scopes.delete(name)
      if (this.#scopes.size <= idleOrigins || running === 0) return
    }
  }
}
