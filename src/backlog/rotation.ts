import type { ShownRow } from '../model.ts'
import { Fifo } from './fifo.ts'
import type { Candidate, OriginBacklog } from './origin-backlog.ts'

/**
 * Whose turn it is: origins take turns, one row each, however many rows each has; so does a URL that is set apart.
 *
 * An origin stands in line exactly while it has a ready row and is not known to be full. A full one is asked again only when
 * it is freed, so that a thousand receivers that hang cost a take nothing.
 */
export class Rotation {
  readonly #line = new Fifo<OriginBacklog>()
  readonly #slots: (origin: string, urlHash: number | null, next: ShownRow) => number

  /** @param slots how many more rows of the origin may be taken now, or of one URL of it, of which `next` is the first. */
  constructor(slots: (origin: string, urlHash: number | null, next: ShownRow) => number) {
    this.#slots = slots
  }

  /** Its ready rows have changed. */
  update(origin: OriginBacklog): void {
    if (origin.ready.size > 0 && !origin.isFull) origin.turn ??= this.#line.push(origin)
    else this.#leave(origin)
  }

  /** It may have slots again. */
  freed(origin: OriginBacklog): void {
    origin.isFull = false
    this.update(origin)
  }

  /** The next row to start; undefined when nobody may. Its origin is in line again once its ready rows are updated. */
  next(): Candidate | undefined {
    for (let origin = this.#line.first; origin; origin = this.#line.first) {
      this.#leave(origin)
      const next = origin.ready.first
      if (next && this.#slots(origin.origin, origin.urlHash, next.row) > 0) return next
      origin.isFull = true
    }
    return undefined
  }

  #leave(origin: OriginBacklog): void {
    if (origin.turn) this.#line.remove(origin.turn)
    origin.turn = undefined
  }
}
