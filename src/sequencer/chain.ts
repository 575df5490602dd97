/** A list that takes an item in anywhere, and lets go of any, at constant cost. */
export class Chain<T> {
  #first: Link<T> | undefined
  #last: Link<T> | undefined
  #size = 0

  get first(): Link<T> | undefined {
    return this.#first
  }

  get last(): Link<T> | undefined {
    return this.#last
  }

  get size(): number {
    return this.#size
  }

  push(item: T): Link<T> {
    return this.insertAfter(this.#last, item)
  }

  /** @param previous undefined: at the beginning. */
  insertAfter(previous: Link<T> | undefined, item: T): Link<T> {
    const next = previous ? previous.next : this.#first
    const link: Link<T> = { item, previous, next }
    if (previous) previous.next = link
    else this.#first = link
    if (next) next.previous = link
    else this.#last = link
    this.#size += 1
    return link
  }

  shift(): T | undefined {
    if (this.#first) return this.remove(this.#first)
    return undefined
  }

  /** The link must be one of this chain, and not removed before. */
  remove({ item, previous, next }: Link<T>): T {
    if (previous) previous.next = next
    else this.#first = next
    if (next) next.previous = previous
    else this.#last = previous
    this.#size -= 1
    return item
  }
}

/** The place of an item in a chain. */
export interface Link<T> {
  readonly item: T
  previous: Link<T> | undefined
  next: Link<T> | undefined
}
