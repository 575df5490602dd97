/**
 * Where a read begins that has come up to a place before: a little earlier, since rows become visible (COMMIT) later than
 * they got their place (INSERT). Remembers the places of the last moments; the older ones are the sweep's.
 */
export class Overlap<Position> {
  readonly #start: Position
  readonly #ms: number
  readonly #rows: number
  #marks: { readonly at: number; readonly reached: Position; readonly rows: number }[] = []
  #reached: Position

  /**
   * @param ms how far back a read begins, in milliseconds.
   * @param rows but no more rows than this are read again (a bulk insert would be, at every read).
   */
  constructor(start: Position, options: { readonly ms: number; readonly rows: number }) {
    this.#start = start
    this.#reached = start
    this.#ms = options.ms
    this.#rows = options.rows
  }

  get reached(): Position {
    return this.#reached
  }

  /** Where the next read begins. */
  from(now: number): Position {
    this.#marks = this.#marks.filter(mark => now - mark.at <= this.#ms)
    let rows = 0
    let from = this.#reached
    for (const mark of [...this.#marks].reverse()) {
      rows += mark.rows
      if (rows > this.#rows) break
      from = mark.reached
    }
    return from
  }

  /** A read went on from `reached` and found `rows` entries of new ground, the last of them at `to`. */
  advance(to: Position, rows: number, now: number): void {
    this.#marks.push({ at: now, reached: this.#reached, rows })
    this.#reached = to
  }

  /** Reads go on from `to`, and do not look back before it. */
  jump(to: Position): void {
    this.#marks = []
    this.#reached = to
  }

  /** Everything is read again. */
  restart(): void {
    this.jump(this.#start)
  }
}
