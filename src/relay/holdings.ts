import type { OwnedLane } from '../model.ts'

/** The lanes this relay owns now, with their epochs; and those of them that it drains before it gives them up. */
export class Holdings {
  #epochs = new Map<number, string>()
  readonly #since = new Map<number, number>()
  #draining = new Set<number>()

  get size(): number {
    return this.#epochs.size
  }

  get lanes(): number[] {
    return [...this.#epochs.keys()]
  }

  get owned(): OwnedLane[] {
    return [...this.#epochs].map(([lane, epoch]) => ({ lane, epoch }))
  }

  epochOf(lane: number): string | undefined {
    return this.#epochs.get(lane)
  }

  /** Since when the lane is owned with its epoch, as `performance.now()`; NaN: it is not. */
  ownedSince(lane: number): number {
    return this.#since.get(lane) ?? Number.NaN
  }

  /** True while new work of the lane may start. */
  serves(lane: number): boolean {
    return this.#epochs.has(lane) && !this.#draining.has(lane)
  }

  /** The owned lanes among these, each once. */
  among(lanes: Iterable<number>): OwnedLane[] {
    return [...new Set(lanes)].flatMap(lane => {
      const epoch = this.#epochs.get(lane)
      return epoch === undefined ? [] : [{ lane, epoch }]
    })
  }

  add(lanes: readonly OwnedLane[]): void {
    const now = performance.now()
    for (const { lane, epoch } of lanes) {
      this.#epochs.set(lane, epoch)
      this.#since.set(lane, now)
    }
  }

  remove(lanes: Iterable<number>): void {
    for (const lane of lanes) {
      this.#epochs.delete(lane)
      this.#since.delete(lane)
      this.#draining.delete(lane)
    }
  }

  /** From now on nothing of these lanes starts, and nothing of any other drains. */
  drain(lanes: readonly number[]): void {
    this.#draining = new Set(lanes)
  }
}
