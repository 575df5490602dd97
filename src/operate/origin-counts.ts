import type { OutcomeKind } from '../model.ts'

/** The attempts at one origin, or at all origins that share a label. */
export class OriginCount {
  readonly attempts: Record<OutcomeKind, number> = { delivered: 0, rejected: 0, failed: 0, not_sent: 0, unknown: 0 }
  /** Time that they took. */
  seconds = 0
}

/**
 * Attempts by origin. The first `most` origins that had traffic have a label of their own. All others share `other`. A
 * label never disappears, since a series that comes and goes cannot be summed.
 */
export class OriginCounts {
  readonly #most: number
  readonly #named = new Map<string, OriginCount>()
  readonly #others = new OriginCount()

  constructor(most: number) {
    this.#most = most
  }

  of(origin: string): OriginCount {
    return this.#named.get(origin) ?? this.#begin(origin)
  }

  get named(): readonly string[] {
    return [...this.#named.keys()]
  }

  /** By label. */
  get all(): readonly (readonly [label: string, count: OriginCount])[] {
    return this.#named.size < this.#most ? [...this.#named] : [...this.#named, ['other', this.#others]]
  }

  #begin(origin: string): OriginCount {
    if (this.#named.size >= this.#most) return this.#others
    const count = new OriginCount()
    this.#named.set(origin, count)
    return count
  }
}
