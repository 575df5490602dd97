/** Which is the first unsettled row of a key? Either `key` or `hint` is null. */
export interface Question {
  /** Asked by what this relay did: the answer is told to the owner of the row, where that is another relay. */
  readonly key: string | null
  /**
   * The id of a row that a peer or an operator named: its key is meant. Such an answer is told to nobody: two relays that do
   * not agree whose an origin is would send each other hints for ever.
   */
  readonly hint: string | null
}

/** Keys that will be looked at, each once, with a bound: beyond it a question is dropped, and a sweep is wanted. */
export class Questions {
  readonly #keys = new Set<string>()
  readonly #hints = new Set<string>()
  readonly #most: number
  readonly #dropped: () => void

  constructor(most: number, dropped: () => void) {
    this.#most = most
    this.#dropped = dropped
  }

  get size(): number {
    return this.#keys.size + this.#hints.size
  }

  ask(key: string): void {
    this.#add(this.#keys, key)
  }

  hinted(id: string): void {
    this.#add(this.#hints, id)
  }

  /** It was taken, and its answer will not come, or cannot be trusted. */
  askAgain({ key, hint }: Question): void {
    if (key !== null) this.ask(key)
    if (hint !== null) this.hinted(hint)
  }

  /** Those that wait to be taken. */
  *[Symbol.iterator](): Generator<Question> {
    for (const key of this.#keys) yield { key, hint: null }
    for (const hint of this.#hints) yield { key: null, hint }
  }

  take(most: number): Question[] {
    const taken: Question[] = []
    for (const question of this) {
      if (taken.length >= most) break
      taken.push(question)
      if (question.key !== null) this.#keys.delete(question.key)
      if (question.hint !== null) this.#hints.delete(question.hint)
    }
    return taken
  }

  #add(to: Set<string>, item: string): void {
    if (this.size < this.#most) to.add(item)
    else if (!to.has(item)) this.#dropped()
  }
}
