/**
 * Which origins have a label of their own: the first that had traffic, up to a number; all others are `other`. A label never
 * goes away, as a series that comes and goes cannot be summed. An origin has no path, so no label has one.
 */
export class OriginLabels {
  readonly #most: number
  readonly #named = new Set<string>()

  constructor(most: number) {
    this.#most = most
  }

  of(origin: string): string {
    if (this.#named.has(origin)) return origin
    if (this.#named.size >= this.#most) return 'other'
    this.#named.add(origin)
    return origin
  }

  get named(): ReadonlySet<string> {
    return this.#named
  }
}
