import type { ShownRow } from '../model.ts'
import { Fifo } from './fifo.ts'
import type { Candidate, OriginBacklog } from './origin-backlog.ts'

/**
 * Round robin: origins take turns, one row each; so does a URL set apart. A full origin leaves the line until a slot is
 * freed, so a thousand receivers that hang add nothing to the cost of a take.
 */
export class Rotation {
  readonly #line = new Fifo<OriginBacklog>()
  readonly #slots: (origin: string, urlHash: number | null, next: ShownRow) => number

  /**
   * @param slots how many more rows of the origin, or of one URL of it, may be taken now; `next` is the first of them.
   */
  constructor(slots: (origin: string, urlHash: number | null, next: ShownRow) => number) {
    this.#slots = slots
  }

  /** The ready rows of the origin have changed, or it may have slots again. */
  update(origin: OriginBacklog): void {
    this.#stand(origin, origin.ready.size > 0 && !origin.isFull)
  }

  /** The next row to start; undefined: none may. Its origin is in line again after its next `update`. */
  next(): Candidate | undefined {
    for (let origin = this.#line.first; origin; origin = this.#line.first) {
      this.#stand(origin, false)
      const next = origin.ready.first
      if (next && this.#slots(origin.origin, origin.urlHash, next.row) > 0) return next
      origin.isFull = true
    }
    return undefined
  }

  #stand(origin: OriginBacklog, isIn: boolean): void {
    origin.turn = this.#line.keep(origin, isIn, origin.turn)
  }
}
