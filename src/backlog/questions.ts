/** Which is the first unsettled row of a key? */
export interface Question {
  /** null: the key of the row `hint`. */
  readonly key: string | null
  /** The id of a row that a peer or an operator named; null: this relay asks on its own account. */
  readonly hint: string | null
  /**
   * The key may have got a new first row by what this relay did, so its owner is told when that is another relay. An answer
   * to a hint is never told on: two relays that do not agree whose an origin is would send each other hints for ever.
   */
  readonly isOwn: boolean
}

/** Keys that will be looked at, each once, with a bound: beyond it a question is dropped, and a sweep is wanted. */
export class Questions {
  readonly #keys = new Map<string, boolean>()
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

  ask(key: string, isOwn: boolean): void {
    if (!this.#keys.has(key) && this.size >= this.#most) this.#dropped()
    else this.#keys.set(key, isOwn || this.#keys.get(key) === true)
  }

  hinted(id: string): void {
    if (!this.#hints.has(id) && this.size >= this.#most) this.#dropped()
    else this.#hints.add(id)
  }

  /** It was taken, and its answer will not come, or cannot be trusted. */
  askAgain({ key, hint, isOwn }: Question): void {
    if (key !== null) this.ask(key, isOwn)
    else if (hint !== null) this.hinted(hint)
  }

  /** Those that wait to be taken. */
  *[Symbol.iterator](): Generator<Question> {
    for (const [key, isOwn] of this.#keys) yield { key, hint: null, isOwn }
    for (const hint of this.#hints) yield { key: null, hint, isOwn: false }
  }

  take(most: number): Question[] {
    const taken: Question[] = []
    for (const question of this) {
      if (taken.length >= most) break
      taken.push(question)
      if (question.key !== null) this.#keys.delete(question.key)
      else if (question.hint !== null) this.#hints.delete(question.hint)
    }
    return taken
  }
}
