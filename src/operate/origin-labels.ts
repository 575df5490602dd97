/**
 * Which origins have a label of their own: the first `most` that had traffic. All others share `other`. A label never
 * disappears, since a series that comes and goes cannot be summed.
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
