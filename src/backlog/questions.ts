/** "Which is the first unsettled row of this key?" Exactly one of `key` and `hint` is null. */
export interface Question {
  /**
   * A key that this relay asks for after an act of its own. If the row in the answer belongs to another relay, that
   * relay gets a hint.
   */
  readonly key: string | null
  /**
   * The id of a row whose key is meant, named by a peer or an operator. The answer causes no hint: two relays that
   * disagree about the owner of an origin would send each other hints for ever.
   */
  readonly hint: string | null
}

/** Keys to be asked for, each once. Beyond the bound a question is dropped, and a sweep is wanted. */
export class Questions {
  readonly #keys = new Set<string>()
  readonly #hints = new Set<string>()
  readonly #most: number
  /** A sweep over all origins with unsettled rows is wanted. */
  isSweepWanted = true

  constructor(most: number) {
    this.#most = most
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

  /** The answer will not come, or cannot be trusted. */
  askAgain({ key, hint }: Question): void {
    if (key !== null) this.ask(key)
    if (hint !== null) this.hinted(hint)
  }

  /** Questions not yet taken. */
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
    else if (!to.has(item)) this.isSweepWanted = true
  }
}
