import { compareIds } from '../ids.ts'
import { Chain, type Link } from './chain.ts'
import type { Row } from './row.ts'

/** The rows of one ordering key, by id. One at a time may start: the first, while no other runs. */
export class KeyLine {
  readonly key: string
  /** Not always the first: an earlier row may come (its transaction was long) while this one is on its way. */
  running: Row | undefined
  /** There may be rows of the key in the database that are not here and that no reading of fresh rows will find: parked. */
  hidesMore = false
  readonly #rows = new Chain<Row>()
  /** Where the newest came in: they come in runs of rising ids, so the next one's place is seldom far from it. */
  #newest: Link<Row> | undefined

  constructor(key: string) {
    this.key = key
  }

  get first(): Row | undefined {
    return this.#rows.first?.item
  }

  get size(): number {
    return this.#rows.size
  }

  maySend(row: Row): boolean {
    return this.first === row && this.running === undefined
  }

  insert(row: Row): void {
    row.place = this.#rows.insertAfter(this.#placeBefore(row), row)
    this.#newest = row.place
  }

  remove(row: Row): void {
    if (!row.place) throw new Error(`callback ${row.callback.id} is not in the line of its key`)
    if (this.#newest === row.place) this.#newest = row.place.previous
    this.#rows.remove(row.place)
    row.place = undefined
  }

  #placeBefore(row: Row): Link<Row> | undefined {
    const { first, last } = this.#rows
    if (!last || isEarlier(last.item, row)) return last
    let previous = this.#newest
    while (previous && !isEarlier(previous.item, row)) previous = previous.previous
    for (let next = previous ? previous.next : first; next && isEarlier(next.item, row); next = next.next)
      previous = next
    return previous
  }
}

function isEarlier(a: Row, b: Row): boolean {
  return compareIds(a.callback.id, b.callback.id) < 0
}
