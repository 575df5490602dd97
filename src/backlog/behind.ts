import type { RangeName } from '../model.ts'
import { mostUnderWay } from '../policy/tuning.ts'
import { Fifo } from './fifo.ts'
import { otherRange } from './index-place.ts'
import type { OriginBacklog } from './origin-backlog.ts'
import type { OriginRange, Stretch } from './origin-range.ts'

/** A read of one range of one origin: at most `room` rows between two places, each due, not held and first of its key. */
export interface Pull extends Stretch {
  readonly origin: string
  /** The only URL to read, by its hash; null: all URLs but `otherUrls`. */
  readonly urlHash: number | null
  /** URLs set apart, which have pulls of their own. */
  readonly otherUrls: readonly number[]
  readonly range: RangeName
  readonly room: number
}

/**
 * How a row comes to be offered:
 * - `tip`: a tip read it; earlier rows of its key may exist
 * - `head`: first of its key, by a pull
 * - `first`: first of its key, by a statement of this relay or an answer
 */
export type OfferKind = 'tip' | 'head' | 'first'

export interface BehindOptions {
  /**
   * How many rows of the origin are to be ready to go in memory; `roomsFor` allows more. 0: nothing is pulled, for
   * example while the origin is held.
   */
  readonly room: (origin: string, urlHash: number | null) => number
  readonly slots: (origin: string, urlHash: number | null) => number
  /** Most origins behind at a time. */
  readonly most: number
  /**
   * The origin was the oldest of too many: what it has in the table is no longer recorded. It must be updated, and a
   * sweep is wanted.
   */
  readonly dropped: (origin: OriginBacklog) => void
}

/**
 * How many rows may be ready when one more is taken in, as a multiple of the room:
 * - `head`: a pull was sent since there was room, and next rows of keys may have come meanwhile
 * - `first`: it takes the place of the row of its key that was settled. If the reads have passed it, it would otherwise wait
 *   for a second walk from the beginning
 */
const roomsFor: Readonly<Record<OfferKind, number>> = { tip: 1, head: 2, first: 3 }

/**
 * Origins that have more rows in the table, in turn. One wants a pull exactly while a range is behind and not out, and
 * half of its room is free: with less, pulls would be small.
 */
export class Behind {
  readonly #options: BehindOptions
  /** In the order in which they fell behind. The first is dropped when there are too many. */
  readonly #origins = new Fifo<OriginBacklog>()
  readonly #wanting = new Fifo<OriginBacklog>()

  constructor(options: BehindOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#origins.size
  }

  /**
   * Origins that are behind and have room for more than one row, at most so many. One that is held, or in trouble, has few
   * dead entries.
   */
  some(most: number): string[] {
    const names: string[] = []
    for (const { origin, urlHash } of this.#origins) {
      if (names.length === most) break
      if (urlHash === null && this.#options.room(origin, null) > 1) names.push(origin)
    }
    return names
  }

  get wantsPull(): boolean {
    return this.#wanting.size > 0
  }

  /** Whether memory may take in a row that came so. */
  hasRoom(origin: OriginBacklog, kind: OfferKind): boolean {
    const room = this.#options.room(origin.origin, origin.urlHash)
    return room > 0 && this.#free(origin, room * roomsFor[kind]) > 0
  }

  /** The rows, the ranges or the room of the origin have changed. */
  update(origin: OriginBacklog): void {
    origin.behind = this.#origins.keep(origin, origin.isBehind, origin.behind)
    this.#want(origin, this.#wantsPull(origin))
    const oldest = this.#origins.size > this.#options.most ? this.#origins.first : undefined
    if (!oldest) return
    oldest.forget()
    this.#options.dropped(oldest)
  }

  /**
   * Pulls to send now. Each is out until its range is told that it was pulled or lost.
   *
   * @param most most pulls.
   * @param room most rows, over all pulls.
   * @param onlyWithSlots leaves out origins that can start nothing.
   */
  take(most: number, room: number, onlyWithSlots: boolean): Pull[] {
    const pulls: Pull[] = []
    let left = room
    for (let turns = this.#wanting.size; turns > 0 && pulls.length < most && left > 0; turns -= 1) {
      const origin = this.#wanting.first
      if (!origin) break
      this.#want(origin, false)
      if (!onlyWithSlots || this.#options.slots(origin.origin, origin.urlHash) > 0)
        for (const pull of this.#pullsOf(origin, Math.min(left, this.#free(origin)))) {
          pulls.push(pull)
          left -= pull.room
        }
      this.update(origin)
    }
    return pulls
  }

  /**
   * How many more rows of the origin memory takes in. Rows under way take up no room: while rows are claimed or recorded
   * slowly, or POSTs hang, others must be ready for its slots. Nor do resting rows, which others have locked, or which
   * PostgreSQL refuses.
   */
  #free(origin: OriginBacklog, room = this.#options.room(origin.origin, origin.urlHash)): number {
    return origin.underWay < mostUnderWay ? room - origin.ready.size : 0
  }

  #wantsPull(origin: OriginBacklog): boolean {
    if (!isReadable(origin.fresh) && !isReadable(origin.due)) return false
    const room = this.#options.room(origin.origin, origin.urlHash)
    const free = this.#free(origin, room)
    return free > 0 && free * 2 >= room
  }

  /** Two ranges share the free room. Where there is room for one row only, the first range is served. */
  #pullsOf(origin: OriginBacklog, free: number): Pull[] {
    const ranges = [origin[origin.turnOf], origin[otherRange(origin.turnOf)]].filter(isReadable)
    const pulls: Pull[] = []
    const otherUrls = [...origin.apart.keys()]
    for (const [index, range] of ranges.entries()) {
      const { walk, name } = range
      const room = index === 0 ? Math.ceil(free / ranges.length) : Math.floor(free / ranges.length)
      if (walk === null || room <= 0) continue
      range.sent()
      pulls.push({ origin: origin.origin, urlHash: origin.urlHash, otherUrls, range: name, ...walk, room })
    }
    return pulls
  }

  #want(origin: OriginBacklog, isIn: boolean): void {
    origin.pull = this.#wanting.keep(origin, isIn, origin.pull)
  }
}

function isReadable(range: OriginRange): boolean {
  return range.isBehind && !range.isOut
}
