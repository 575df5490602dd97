/** First in, first out. Any item may leave before its turn. Every operation takes constant time. */
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
   * Sees to it that the item is in this list, or that it is not.
   *
   * @param seat where it is now; undefined: it is not.
   * @returns where it is from now on.
   */
  keep(item: T, isIn: boolean, seat: Seat<T> | undefined): Seat<T> | undefined {
    if (isIn) return seat ?? this.push(item)
    if (seat) this.remove(seat)
    return undefined
  }

  /**
   * The seat must be in this list. Its links are cleared for the garbage collector: a dead seat in the old generation
   * would keep its successors alive until a full collection.
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
