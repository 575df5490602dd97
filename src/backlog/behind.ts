import type { IndexPlace, RangeName, ShownRow } from '../model.ts'
import { Fifo } from './fifo.ts'
import type { OriginBacklog } from './origin-backlog.ts'
import type { OriginRange } from './origin-range.ts'

/** A read of one range of one origin: at most `room` rows after this place that are due, not held and first of their key. */
export interface Pull {
  readonly origin: string
  /** The only URL that is read, by its hash; null: all but `otherUrls`. */
  readonly urlHash: number | null
  /** URLs that are set apart: they have pulls of their own. */
  readonly otherUrls: readonly number[]
  readonly range: RangeName
  readonly after: IndexPlace
  readonly room: number
}

export interface BehindOptions {
  /** How many rows of the origin memory may hold, those under way among them. 0: nothing is pulled, for example while it is held. */
  readonly room: (origin: string, urlHash: number | null) => number
  readonly slots: (origin: string, urlHash: number | null) => number
  /** At most so many origins are behind at a time. */
  readonly most: number
  /** Nothing is known of what this origin has in the table any more: a sweep is wanted. */
  readonly dropped: (origin: OriginBacklog) => void
}

/**
 * The origins that have rows in the table which memory does not know, and whose turn it is to be read.
 *
 * An origin stands among those that want a pull exactly while one of its ranges is behind and not out, and half of its room
 * is free: less would make many small pulls. They are read in turn.
 */
export class Behind {
  readonly #options: BehindOptions
  /** The one that fell behind longest ago stands first; it is dropped when there are too many. */
  readonly #origins = new Fifo<OriginBacklog>()
  readonly #wanting = new Fifo<OriginBacklog>()

  constructor(options: BehindOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#origins.size
  }

  get wantsPull(): boolean {
    return this.#wanting.size > 0
  }

  hasRoom(origin: OriginBacklog): boolean {
    return origin.roomTaken < this.#options.room(origin.origin, origin.urlHash)
  }

  passOver(origin: OriginBacklog, row: ShownRow): void {
    origin.rangeOf(row).passOver(row)
    this.#fellBehind(origin)
  }

  rewind(origin: OriginBacklog): void {
    origin.fresh.rewind()
    origin.due.rewind()
    this.#fellBehind(origin)
  }

  /** It has just come to be, perhaps behind. */
  joined(origin: OriginBacklog): void {
    if (origin.isBehind) this.#fellBehind(origin)
  }

  /** Its rows, its ranges or its room have changed. */
  update(origin: OriginBacklog): void {
    if (!origin.isBehind && origin.behind) {
      this.#origins.remove(origin.behind)
      origin.behind = undefined
    }
    if (this.#wantsPull(origin)) origin.pull ??= this.#wanting.push(origin)
    else this.#leave(origin)
  }

  /**
   * Pulls to send now, of the origins whose turn it is. They are out until `pulled` or `lost`.
   *
   * @param most so many pulls at most.
   * @param room so many rows at most, over all.
   * @param onlyWithSlots those that could start nothing are left out.
   */
  take(most: number, room: number, onlyWithSlots: boolean): Pull[] {
    const pulls: Pull[] = []
    let left = room
    for (let turns = this.#wanting.size; turns > 0 && pulls.length < most && left > 0; turns -= 1) {
      const origin = this.#wanting.first
      if (!origin) break
      this.#leave(origin)
      if (!onlyWithSlots || this.#options.slots(origin.origin, origin.urlHash) > 0)
        for (const pull of this.#pullsOf(origin, Math.min(left, this.#free(origin)))) {
          pulls.push(pull)
          left -= pull.room
        }
      this.update(origin)
    }
    return pulls
  }

  /** A pull that nobody waits for any more, since its origin was dropped or given away, has changed nothing. */
  pulled(origin: OriginBacklog, range: RangeName, reached: IndexPlace, isShort: boolean): void {
    origin[range].pulled(reached, isShort)
    this.update(origin)
  }

  lost(origin: OriginBacklog, range: RangeName): void {
    origin[range].lost()
    this.update(origin)
  }

  forget(origin: OriginBacklog): void {
    origin.fresh.forget()
    origin.due.forget()
    this.update(origin)
  }

  #fellBehind(origin: OriginBacklog): void {
    origin.behind ??= this.#origins.push(origin)
    this.update(origin)
    const oldest = this.#origins.size > this.#options.most ? this.#origins.first : undefined
    if (!oldest) return
    this.forget(oldest)
    this.#options.dropped(oldest)
  }

  #free(origin: OriginBacklog): number {
    return this.#options.room(origin.origin, origin.urlHash) - origin.roomTaken
  }

  #wantsPull(origin: OriginBacklog): boolean {
    if (!isReadable(origin.fresh) && !isReadable(origin.due)) return false
    const room = this.#options.room(origin.origin, origin.urlHash)
    return origin.roomTaken < room && (room - origin.roomTaken) * 2 >= room
  }

  /** Two ranges share the room, and take turns when it is for one row only. */
  #pullsOf(origin: OriginBacklog, free: number): Pull[] {
    const order: RangeName[] = origin.turnOf === 'fresh' ? ['fresh', 'due'] : ['due', 'fresh']
    const ranges = order.map(name => origin[name]).filter(isReadable)
    const pulls: Pull[] = []
    const otherUrls = [...origin.apart.keys()]
    for (const [index, range] of ranges.entries()) {
      const { cursor, name } = range
      const room = index === 0 ? Math.ceil(free / ranges.length) : Math.floor(free / ranges.length)
      if (cursor === null || room <= 0) continue
      range.sent()
      origin.turnOf = name === 'fresh' ? 'due' : 'fresh'
      pulls.push({ origin: origin.origin, urlHash: origin.urlHash, otherUrls, range: name, after: cursor, room })
    }
    return pulls
  }

  #leave(origin: OriginBacklog): void {
    if (origin.pull) this.#wanting.remove(origin.pull)
    origin.pull = undefined
  }
}

function isReadable(range: OriginRange): boolean {
  return range.isBehind && !range.isOut
}
