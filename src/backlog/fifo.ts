/** First in, first out; and any item may leave before its turn. Each step costs the same, however many there are. */
export class Fifo<T> {
  #first: Seat<T> | undefined
  #last: Seat<T> | undefined
  #size = 0

  get first(): T | undefined {
    return this.#first?.item
  }

  get size(): number {
    return this.#size
  }

  push(item: T): Seat<T> {
    const seat: Seat<T> = { item, previous: this.#last, next: undefined }
    if (this.#last) this.#last.next = seat
    else this.#first = seat
    this.#last = seat
    this.#size += 1
    return seat
  }

  /**
   * The seat must be one of this list, and not removed before. It forgets its neighbours: from the old generation a dead seat
   * would keep the next one alive, and that one the next, until a full collection.
   */
  remove(seat: Seat<T>): void {
    const { previous, next } = seat
    seat.previous = undefined
    seat.next = undefined
    if (previous) previous.next = next
    else this.#first = next
    if (next) next.previous = previous
    else this.#last = previous
    this.#size -= 1
  }

  *[Symbol.iterator](): Generator<T> {
    for (let seat = this.#first; seat; seat = seat.next) yield seat.item
  }
}

/** The place of an item in a list. */
export interface Seat<T> {
  readonly item: T
  previous: Seat<T> | undefined
  next: Seat<T> | undefined
}
