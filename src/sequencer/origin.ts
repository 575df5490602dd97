import { Chain, type Link } from '../chain.ts'
import type { Row } from './row.ts'

/** What is known of one scheme, host and port. */
export class Origin {
  readonly name: string
  /** Held, in whatever state. */
  rows = 0
  running = 0
  /** Its place among the origins that may start something. */
  turn: Link<Origin> | undefined
  readonly #fresh = new Chain<Row>()
  readonly #late = new Chain<Row>()
  #starts = 0
  #since: number
  #doneSince = 0
  /** Attempts ended a millisecond; undefined: not known yet. */
  #rate: number | undefined

  constructor(name: string, now: number) {
    this.name = name
    this.#since = now
  }

  get hasReady(): boolean {
    return this.#fresh.size > 0 || this.#late.size > 0
  }

  ready(row: Row): void {
    row.turn = this.#readyLike(row).push(row)
  }

  unready(row: Row): void {
    if (row.turn) this.#readyLike(row).remove(row.turn)
    row.turn = undefined
  }

  /**
   * The ready row that starts next; it stays ready. Fresh rows go before late ones (retries, replays), but every fourth
   * start is a late one, so that neither starves.
   */
  next(): Row | undefined {
    const [first, second] = this.#starts % 4 === 3 ? [this.#late, this.#fresh] : [this.#fresh, this.#late]
    return (first.first ?? second.first)?.item
  }

  started(): void {
    this.running += 1
    this.#starts += 1
  }

  ended(): void {
    this.running -= 1
    this.#doneSince += 1
  }

  /** Does it work off its rows within `ms`, at the rate of the last `ms` or longer? A new one has the benefit of the doubt. */
  drainsWithin(ms: number, now: number): boolean {
    const elapsed = now - this.#since
    if (elapsed >= ms) {
      this.#rate = this.#doneSince / elapsed
      this.#since = now
      this.#doneSince = 0
    }
    return this.#rate === undefined || this.#rate * ms >= this.rows
  }

  #readyLike(row: Row): Chain<Row> {
    return row.late ? this.#late : this.#fresh
  }
}
