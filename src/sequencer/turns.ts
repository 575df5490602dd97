import { Chain } from './chain.ts'
import { byNumber, Heap } from './heap.ts'
import { Origin, type OriginSettings } from './origin.ts'

/** Origins without rows that are remembered: what they can take, when they rest, and their rate. */
const mostIdle = 5_000

/** The origins, and whose turn it is: round robin among those that have a ready row and a free slot and do not rest. */
export class Turns {
  readonly #settingsOf: (origin: string) => OriginSettings
  readonly #origins = new Map<string, Origin>()
  readonly #queue = new Chain<Origin>()
  /** Those that rest, by the time when they may start something again. */
  readonly #rests = new Heap<Origin, number>(byNumber)
  /** Those without rows. The one whose last row left longest ago stands first. */
  readonly #idle = new Set<Origin>()

  constructor(settingsOf: (origin: string) => OriginSettings) {
    this.#settingsOf = settingsOf
  }

  /** For a row that comes. */
  of(name: string, now: number): Origin {
    const origin = this.#origins.get(name) ?? this.#meet(name, now)
    this.#idle.delete(origin)
    origin.rows += 1
    return origin
  }

  /** Rows that were set aside come: unless something goes there anyway, a slow start. */
  comesBack(name: string, now: number): void {
    const origin = this.#origins.get(name) ?? this.#meet(name, now)
    if (origin.rows > 0) return
    origin.health.startSlowly()
    this.#idle.add(origin)
  }

  /** A row of it has gone. Of those without rows the newest five thousand are remembered. */
  left(origin: Origin): void {
    origin.rows -= 1
    if (origin.rows > 0) return
    this.#idle.add(origin)
    for (const oldest of this.#idle) {
      if (this.#idle.size <= mostIdle) return
      this.#idle.delete(oldest)
      this.#origins.delete(oldest.name)
    }
  }

  get(name: string): Origin | undefined {
    return this.#origins.get(name)
  }

  all(): Iterable<Origin> {
    return this.#origins.values()
  }

  /** Something about it has changed: it stands in turn, once, or does not. */
  update(origin: Origin): void {
    if (!origin.wantsTurn) {
      this.#lose(origin)
      this.#wake(origin)
    } else if (!origin.rest) {
      origin.turn ??= this.#queue.push(origin)
    }
  }

  /** Whose turn it is now; `update` puts it at the end again. undefined: nobody may start anything. */
  take(now: number): Origin | undefined {
    for (let rest = this.#rests.first; rest && rest.rank <= now; rest = this.#rests.first) this.#endRest(rest.item)
    for (let origin = this.#queue.first?.item; origin; origin = this.#queue.first?.item) {
      this.#lose(origin)
      if (origin.opensAt <= now) return origin
      origin.rest = this.#rests.push(origin, origin.opensAt)
    }
    return undefined
  }

  /** What `settingsOf` says may have changed. */
  reconfigure(): void {
    for (const origin of this.#origins.values()) {
      origin.goBy(this.#settingsOf(origin.name))
      this.#wake(origin)
      this.update(origin)
    }
  }

  /** When the next rest is over; undefined when nobody rests that has something to start. */
  nextAt(): number | undefined {
    return this.#rests.first?.rank
  }

  #meet(name: string, now: number): Origin {
    const origin = new Origin(name, this.#settingsOf(name), now)
    this.#origins.set(name, origin)
    return origin
  }

  #endRest(origin: Origin | undefined): void {
    if (!origin) throw new Error('A rest that was cancelled came up')
    this.#wake(origin)
    this.update(origin)
  }

  #wake(origin: Origin): void {
    if (origin.rest) this.#rests.cancel(origin.rest)
    origin.rest = undefined
  }

  #lose(origin: Origin): void {
    if (origin.turn) this.#queue.remove(origin.turn)
    origin.turn = undefined
  }
}
