import type { ShownRow } from '../model.ts'
import type { Behind } from './behind.ts'
import { Fifo } from './fifo.ts'
import { type Candidate, type CandidateState, OriginBacklog } from './origin-backlog.ts'
import type { Rotation } from './rotation.ts'
import { isLater } from './shown-row.ts'

/**
 * The rows in memory: those that may go now, and those under way. A key has at most one, its occupant. An origin is
 * known exactly while it has a row here or is behind.
 */
export class Memory {
  /** Rows not under way, the least recently admitted first. */
  readonly waiting = new Fifo<Candidate>()
  /** Resting rows among these, by the end of their rest. */
  readonly resting = new Fifo<Candidate>()
  readonly #candidates = new Map<string, Candidate>()
  readonly #occupants = new Map<string, Candidate>()
  readonly #origins = new Map<string, OriginBacklog>()
  /** How many of `#origins` are URLs set apart. */
  #apart = 0
  readonly #rotation: Rotation
  readonly #behind: Behind

  constructor(rotation: Rotation, behind: Behind) {
    this.#rotation = rotation
    this.#behind = behind
  }

  get size(): number {
    return this.#candidates.size
  }

  get(id: string): Candidate | undefined {
    return this.#candidates.get(id)
  }

  all(): Iterable<Candidate> {
    return this.#candidates.values()
  }

  /** The row of the key that is in memory. */
  occupant(key: string | null): Candidate | undefined {
    return key === null ? undefined : this.#occupants.get(key)
  }

  origin(name: string): OriginBacklog | undefined {
    return this.#origins.get(name)
  }

  /** URLs that are set apart. */
  get apartCount(): number {
    return this.#apart
  }

  get originCount(): number {
    return this.#origins.size - this.#apart
  }

  origins(): Iterable<OriginBacklog> {
    return this.#origins.values()
  }

  /** The caller adds a row or marks the origin as behind. If it does neither, it must call `update`. */
  meet(name: string): OriginBacklog {
    const origin = this.#origins.get(name) ?? new OriginBacklog(name)
    this.#origins.set(name, origin)
    return origin
  }

  /** Where a row waits: at its origin, or at its URL if that is set apart. */
  meetOf({ origin, urlHash }: Pick<ShownRow, 'origin' | 'urlHash'>): OriginBacklog {
    const all = this.meet(origin)
    return all.apart.get(urlHash) ?? all
  }

  /** The origin and its URLs set apart. @param name of any of them. */
  group(name: string): OriginBacklog[] {
    const one = this.#origins.get(name)
    const all = one && this.#origins.get(one.origin)
    return all ? [all, ...all.apart.values()] : []
  }

  /**
   * Sets the URL of a row apart from its origin. Its ranges begin where those of the origin stand.
   *
   * @param most URLs set apart per origin; beyond it: undefined.
   */
  setApart({ origin, urlHash }: ShownRow, most: number): OriginBacklog | undefined {
    const all = this.meet(origin)
    const known = all.apart.get(urlHash)
    if (known || all.apart.size >= most) return known
    const url = new OriginBacklog(origin, urlHash)
    url.fresh.startLike(all.fresh)
    url.due.startLike(all.due)
    all.apart.set(urlHash, url)
    this.#apart += 1
    this.#origins.set(url.name, url)
    this.#behind.update(url)
    return url
  }

  /** The rows, the ranges, the slots or the room of the origin have changed. */
  update(origin: OriginBacklog): void {
    this.#rotation.update(origin)
    this.#behind.update(origin)
    this.#tidy(origin)
  }

  /** Forgets an origin, or a URL set apart, that has no rows and is not behind. */
  #tidy(origin: OriginBacklog): void {
    if (origin.rows > 0 || origin.isBehind || origin.apart.size > 0) return
    if (!this.#origins.delete(origin.name) || origin.urlHash === null) return
    this.#apart -= 1
    const all = this.meet(origin.origin)
    all.apart.delete(origin.urlHash)
    this.#tidy(all)
  }

  admit(row: ShownRow, state: CandidateState = 'ready'): void {
    if (this.#candidates.has(row.id) || this.occupant(row.orderingKey))
      throw new Error(`callback ${row.id} cannot be admitted to memory: it or another callback of its key is there`)
    const origin = this.meetOf(row)
    const candidate: Candidate = {
      id: row.id,
      orderingKey: row.orderingKey,
      row,
      origin,
      state,
      newer: undefined,
      passedOver: undefined,
      asks: false,
      isFollowed: false,
      restsUntil: 0,
      seat: undefined,
      age: undefined,
    }
    this.#candidates.set(row.id, candidate)
    if (row.orderingKey !== null) this.#occupants.set(row.orderingKey, candidate)
    this.#stand(candidate)
    this.update(origin)
  }

  remove(candidate: Candidate): void {
    this.#candidates.delete(candidate.id)
    if (candidate.orderingKey !== null) this.#occupants.delete(candidate.orderingKey)
    this.#rise(candidate)
    this.update(candidate.origin)
  }

  become(candidate: Candidate, state: CandidateState): void {
    this.#rise(candidate)
    candidate.state = state
    this.#stand(candidate)
    this.update(candidate.origin)
  }

  /** The row as it was claimed, or as it stands now. An operator may have changed its origin. */
  correct(candidate: Candidate, row: ShownRow): void {
    candidate.row = row
    if (candidate.newer && !isLater(candidate.newer, row)) candidate.newer = undefined
    const before = candidate.origin
    const after = this.meetOf(row)
    if (before === after) return
    this.#rise(candidate)
    candidate.origin = after
    this.#stand(candidate)
    this.update(before)
    this.update(after)
  }

  /** Counts the row at its origin, and gives it the seats of its state. */
  #stand(candidate: Candidate): void {
    const { origin, state } = candidate
    origin.rows += 1
    if (state === 'under way') origin.underWay += 1
    else {
      candidate.seat = this.#listOf(candidate).push(candidate)
      candidate.age = this.waiting.push(candidate)
    }
  }

  #rise(candidate: Candidate): void {
    const { origin, state, seat, age } = candidate
    origin.rows -= 1
    if (state === 'under way') origin.underWay -= 1
    if (seat) this.#listOf(candidate).remove(seat)
    if (age) this.waiting.remove(age)
    candidate.seat = undefined
    candidate.age = undefined
  }

  #listOf({ state, origin }: Candidate): Fifo<Candidate> {
    return state === 'ready' ? origin.ready : this.resting
  }
}
