/** A map of the latest entries. Beyond its bound it forgets the entry that was set longest ago. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #most: number

  /** @param most how many entries it keeps, at least 1. */
  constructor(most: number) {
    super()
    this.#most = most
  }

  /** The entry is the latest now, also where its key was known. */
  override set(key: Key, value: Value): this {
    this.delete(key)
    super.set(key, value)
    if (this.size > this.#most) this.#forgetOldest()
    return this
  }

  #forgetOldest(): void {
    for (const oldest of this.keys()) {
      this.delete(oldest)
      return
    }
  }
}
