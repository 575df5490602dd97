import { compareIds } from '../ids.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import type { Link } from './chain.ts'
import { Health } from './health.ts'
import { byNumber, type Entry, Heap } from './heap.ts'
import { Pace } from './pace.ts'
import type { Row } from './row.ts'

/** What of a destination's settings the sequencer goes by. */
export type OriginSettings = Pick<DestinationSettings, 'concurrency' | 'deadlineMs' | 'ratePerSecond' | 'breaker'>

/** What is known of one scheme, host and port. */
export class Origin {
  readonly name: string
  readonly health: Health
  pace: Pace
  /** Held, in whatever state. */
  rows = 0
  running = 0
  /** Its place among the origins that may start something. */
  turn: Link<Origin> | undefined
  /** Its place among those that rest though they have something to start. */
  rest: Entry<Origin, number> | undefined
  /** By id, so that what was written first goes first, however late it was read. */
  readonly #fresh = new Heap<Row, string>(compareIds)
  /** In the order in which they became ready. */
  readonly #late = new Heap<Row, number>(byNumber)
  #lateSeen = 0
  #starts = 0
  #since: number
  #ratePerSecond: number | null
  #doneSince = 0
  /** Attempts ended a millisecond; undefined: not known yet. */
  #rate: number | undefined

  constructor(name: string, settings: OriginSettings, now: number) {
    this.name = name
    this.health = new Health(settings)
    this.pace = new Pace(settings.ratePerSecond)
    this.#since = now
    this.#ratePerSecond = settings.ratePerSecond
  }

  /** Other settings from now on. A rate that stays the same goes on counting; another one begins anew. */
  goBy(settings: OriginSettings): void {
    this.health.goBy(settings)
    if (settings.ratePerSecond === this.#ratePerSecond) return
    this.#ratePerSecond = settings.ratePerSecond
    this.pace = new Pace(settings.ratePerSecond)
  }

  /** It has a row for the slot that it has. */
  get wantsTurn(): boolean {
    return this.running < this.health.window && (this.#fresh.size > 0 || this.#late.size > 0)
  }

  /** When it may start something; in the past when it may at once. */
  get opensAt(): number {
    return Math.max(this.health.opensAt, this.pace.opensAt)
  }

  ready(row: Row): void {
    if (row.late) row.turn = this.#late.push(row, this.#lateSeen++)
    else row.turn = this.#fresh.push(row, row.callback.id)
  }

  unready(row: Row): void {
    if (!row.turn) return
    if (typeof row.turn.rank === 'number') this.#late.cancel(row.turn as Entry<Row, number>)
    else this.#fresh.cancel(row.turn as Entry<Row, string>)
    row.turn = undefined
  }

  /**
   * The ready row that starts next; it stays ready. Fresh rows go before late ones (retries, replays), but every fourth
   * start is a late one, so that neither starves.
   */
  next(): Row | undefined {
    const lateFirst = this.#starts % 4 === 3
    const [first, second] = lateFirst ? [this.#late, this.#fresh] : [this.#fresh, this.#late]
    return (first.first ?? second.first)?.item
  }

  started(now: number): void {
    this.running += 1
    this.#starts += 1
    this.pace.started(now)
  }

  ended(): void {
    this.running -= 1
    this.#doneSince += 1
  }

  /**
   * Does it work off its rows within `ms`, at the rate of the last third of that? A new one has the benefit of the doubt, and
   * so has one that nobody has asked for longer: it may have had nothing to do.
   */
  drainsWithin(ms: number, now: number): boolean {
    if (this.health.opensAt > now) return false
    const [elapsed, sampleMs] = [now - this.#since, ms / 3]
    if (elapsed >= sampleMs) {
      this.#rate = elapsed < 2 * sampleMs ? this.#doneSince / elapsed : undefined
      this.#since = now
      this.#doneSince = 0
    }
    return this.#rate === undefined || this.#rate * ms >= this.rows
  }
}
