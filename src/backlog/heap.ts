import TinyQueue from 'tinyqueue'

/** A clean-up begins when there are this many void entries, and more void than live ones. */
const untidy = 1_000

/** The place of an item in a heap. */
export interface Entry<Item, Rank> {
  readonly rank: Rank
  /** undefined: void, since the entry was cancelled. */
  item: Item | undefined
}

/** Items by rank, lowest first. A cancelled entry is void. It stays until its turn comes or there are too many. */
export class Heap<Item, Rank> {
  readonly #compare: (a: Entry<Item, Rank>, b: Entry<Item, Rank>) => number
  #entries: TinyQueue<Entry<Item, Rank>>
  #void = 0

  constructor(compare: (a: Rank, b: Rank) => number) {
    this.#compare = (a, b) => compare(a.rank, b.rank)
    this.#entries = new TinyQueue<Entry<Item, Rank>>([], this.#compare)
  }

  /** Live entries. */
  get size(): number {
    return this.#entries.length - this.#void
  }

  push(item: Item, rank: Rank): Entry<Item, Rank> {
    const entry = { item, rank }
    this.#entries.push(entry)
    return entry
  }

  /** A second cancel does nothing. */
  cancel(entry: Entry<Item, Rank>): void {
    if (entry.item === undefined) return
    entry.item = undefined
    this.#void += 1
    if (this.#void >= untidy && this.#void * 2 > this.#entries.length) this.#tidy()
  }

  /** The live entry of the lowest rank. */
  get first(): Entry<Item, Rank> | undefined {
    for (let entry = this.#entries.peek(); entry; entry = this.#entries.peek()) {
      if (entry.item !== undefined) return entry
      this.#entries.pop()
      this.#void -= 1
    }
    return undefined
  }

  #tidy(): void {
    this.#entries = new TinyQueue(
      this.#entries.data.filter(({ item }) => item !== undefined),
      this.#compare,
    )
    this.#void = 0
  }
}

export function byNumber(a: number, b: number): number {
  return a - b
}
