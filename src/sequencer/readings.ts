/**
 * A read of the database that is under way, and the rows that have left memory or ended an attempt since it began: it may
 * still show how they were.
 */
export interface Reading {
  readonly left: Set<string>
}

/** The readings under way. */
export class Readings {
  readonly #open = new Set<Reading>()

  begin(): Reading {
    const reading = { left: new Set<string>() }
    this.#open.add(reading)
    return reading
  }

  end(reading: Reading): void {
    this.#open.delete(reading)
  }

  hasLeft(id: string): void {
    for (const { left } of this.#open) left.add(id)
  }
}
