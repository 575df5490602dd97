import { randomFrom } from '../fixtures/random.ts'

/** All random numbers of a simulation. The same seed gives the same ones. */
export class Dice {
  readonly next: () => number

  constructor(seed: number) {
    this.next = randomFrom(seed * 2_654_435_761)
  }

  /** A number in [0, limit). */
  upTo(limit: number): number {
    return this.next() * limit
  }

  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** @throws {Error} when there is nothing to pick from. */
  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)]
    if (item === undefined) throw new Error('There is nothing to pick from')
    return item
  }
}
