import type { IndexPlace, ShownRow } from '../model.ts'
import { urlsApart } from '../policy/tuning.ts'
import { Behind, type Pull } from './behind.ts'
import { otherRange, rangeOf } from './index-place.ts'
import { Memory } from './memory.ts'
import { Messages } from './messages.ts'
import { backlogName, type Candidate, type OriginBacklog } from './origin-backlog.ts'
import { type Question, Questions } from './questions.ts'
import { Read } from './read.ts'
import { Rotation } from './rotation.ts'
import { type AttemptEnd, type Refusal, Transitions } from './transitions.ts'

export type { Pull } from './behind.ts'
export type { Question } from './questions.ts'
export type { Read } from './read.ts'
export type { AttemptEnd, Refusal } from './transitions.ts'

export interface BacklogOptions {
  /** Most rows in memory, of all origins together. */
  readonly memoryRows: number
  /** Most origins recorded as having more rows in the table. Default 20,000. A sweep finds the rows of the others. */
  readonly behindOrigins?: number
  /** Most rows that rest. Default 5,000. A sweep finds the others. */
  readonly restingRows?: number
  /**
   * Most questions, and most hints to send. Default 10,000 each. Beyond it a sweep is wanted: here for a question, at
   * the peers for a hint.
   */
  readonly hints?: number
  /** Milliseconds until a row that another session or relay has is tried again. Default 250. */
  readonly restMs?: number
  /**
   * How many rows of the origin, or of one URL set apart, are to be ready to go in memory. 0 while all of it is held.
   */
  readonly room: (origin: string, urlHash: number | null) => number
  /**
   * How many more rows of the origin, or of one URL, may be taken now. After a 0, `freed` says when to ask again.
   *
   * @param next the first of these rows, if known.
   */
  readonly slots: (origin: string, urlHash: number | null, next?: ShownRow) => number
  /** Is the URL in trouble? If so, its rows wait apart from the others of its origin. */
  readonly isTroubled?: (origin: string, urlHash: number) => boolean
  /** Called for each row taken. `slots` counts the row from then on. */
  readonly taken?: (row: ShownRow) => void
  readonly isMine: (origin: string) => boolean
}

/**
 * Which rows to claim next. A row waits in the table until its origin can take it: memory holds only rows that may go
 * now or are under way. For all other rows it keeps the place in the table, per origin, from which to read on. Pure: no
 * I/O and no clock.
 *
 * The backlog may be wrong about any row, since the claim asks the database again. It must not lose one.
 *
 * **Coverage**: every committed row that is unsettled, due and not held is, at the owner of its origin, at least one of
 * these:
 * - in memory
 * - in one of the stretches of its range that are still to be read, or in a pull that is out
 * - behind an earlier unsettled row of its key
 * - of a key that will be asked for
 * - not shown by the tip yet
 * - left to a sweep that is wanted
 * - named by a hint on its way
 *
 * `test/backlog` asserts coverage after every act.
 *
 * Only one read is out at a time, begun by `beginRead`. Claims, looks, releases and records go on beside it.
 */
export class Backlog {
  readonly #options: Required<BacklogOptions>
  readonly messages: Messages
  readonly #questions: Questions
  readonly #rotation: Rotation
  readonly #behind: Behind
  readonly #memory: Memory
  readonly #transitions: Transitions
  #isMine: (origin: string) => boolean
  #read = new Read([], [])
  /** The last take returned fewer rows than could be sent at once. */
  #isHungry = true

  constructor(options: BacklogOptions) {
    const bounds = { behindOrigins: 20_000, restingRows: 5_000, hints: 10_000, restMs: 250, ...options }
    const all = { taken: () => {}, isTroubled: () => false, ...bounds }
    const { room, slots, memoryRows, behindOrigins, restingRows, hints, restMs } = all
    this.#options = all
    this.#isMine = all.isMine
    this.#questions = new Questions(hints)
    this.messages = new Messages(hints)
    this.#rotation = new Rotation(slots)
    this.#behind = new Behind({
      room,
      slots,
      most: behindOrigins,
      dropped: origin => {
        this.#memory.update(origin)
        this.wantSweep()
      },
    })
    this.#memory = new Memory(this.#rotation, this.#behind)
    this.#transitions = new Transitions({
      memory: this.#memory,
      behind: this.#behind,
      questions: this.#questions,
      messages: this.messages,
      isMine: origin => this.#isMine(origin),
      memoryRows,
      restingRows,
      restMs,
      left: row => this.#read.left(row),
    })
  }

  /** Rows in memory. */
  get size(): number {
    return this.#memory.size
  }

  get resting(): number {
    return this.#memory.resting.size
  }

  /** Origins, and URLs set apart, that have more rows in the table. */
  get behind(): number {
    return this.#behind.size
  }

  /** Some of the origins that have more rows in the table and are well, at most so many. */
  someBehind(most: number): string[] {
    return this.#behind.some(most)
  }

  /** Origins that have rows in memory, or more in the table. */
  get origins(): number {
    return this.#memory.originCount
  }

  /** URLs of those origins whose rows wait apart. */
  get apartUrls(): number {
    return this.#memory.apartCount
  }

  /** A sweep over all origins with unsettled rows is wanted. */
  get wantsSweep(): boolean {
    return this.#questions.isSweepWanted
  }

  get wantsPulls(): boolean {
    return this.#behind.wantsPull && (!this.#isFull || this.#isHungry)
  }

  get wantsAnswers(): boolean {
    return this.#questions.size > 0
  }

  /** There is something to read: pulls, or the first row of a key. */
  get wantsReads(): boolean {
    return this.wantsPulls || this.wantsAnswers
  }

  /** When the first rest ends, by the clock of `take`; undefined: no row rests. */
  get nextAt(): number | undefined {
    return this.#memory.resting.first?.restsUntil
  }

  /** Whether the origin, or the URL set apart, has rows in memory. */
  hasRows(name: string): boolean {
    return (this.#memory.origin(name)?.rows ?? 0) > 0
  }

  isUnderWay(id: string): boolean {
    return this.#memory.get(id)?.state === 'under way'
  }

  /** Another row of the key of this one is known, or asked for. That row cannot start before this one has ended. */
  isAwaited(id: string): boolean {
    const { isFollowed, asks, newer, passedOver } = this.#memory.get(id) ?? {}
    return isFollowed === true || asks === true || (newer ?? passedOver) !== undefined
  }

  /** All that the backlog knows, for tests. */
  get parts(): { readonly memory: Memory; readonly questions: Questions; readonly read: Read } {
    return { memory: this.#memory, questions: this.#questions, read: this.#read }
  }

  /**
   * Call this before sending a read: the snapshot must be taken after it. The read before must be over.
   *
   * @param most how many pulls and questions the read takes along; none for a tip.
   */
  beginRead(most: { readonly pulls?: number; readonly questions?: number } = {}): Read {
    this.endRead()
    this.#read = new Read(this.#takePulls(most.pulls ?? 0), this.#questions.take(most.questions ?? 0))
    return this.#read
  }

  /** The read is over, answered or not. Pulls and questions without an answer will be sent again. */
  endRead(): void {
    for (const pull of this.#read.pulls) this.#lost(pull)
    for (const question of this.#read.unanswered) this.#questions.askAgain(question)
    this.#read = new Read([], [])
  }

  /** Rows that a tip has shown, in the order of the index. A tip shows each entry once. */
  offer(rows: readonly ShownRow[], read: Read): void {
    for (const row of rows) if (!read.hasLeft(row)) this.#transitions.offer(row, 'tip')
  }

  /**
   * The answer to a pull.
   *
   * @param rows heads, and rows claimed by this relay.
   * @param reached the last index entry read, or the end of the span.
   * @param isShort the range has no more rows.
   */
  pulled(pull: Pull, rows: readonly ShownRow[], reached: IndexPlace, isShort: boolean, read: Read): void {
    if (!this.#sentFor(pull)) return
    for (const row of rows) if (!read.hasLeft(row)) this.#transitions.offer(row, 'head')
    // With too many origins behind, a row passed over may have made the backlog forget this one.
    const origin = this.#sentFor(pull)
    if (!origin) return
    if (rows.length === 0) origin.turnOf = otherRange(pull.range)
    origin[pull.range].pulled(reached, isShort)
    this.#memory.update(origin)
  }

  /**
   * The answer to a question.
   *
   * @param key its key, or that of the row that the hint names; null: no key, or no row.
   * @param first the first unsettled row of the key; null: none.
   */
  answered(question: Question, key: string | null, first: ShownRow | null, read: Read): void {
    read.unanswered.delete(question)
    if (first && read.hasLeft(first)) this.#questions.askAgain(question)
    else if (first) this.#transitions.offerFirst(first, question.key !== null)
    else this.#transitions.noneOf(key)
  }

  /**
   * Rows to claim now; the origins take turns. Each row is under way until `ended` or `refused` is called for it. After
   * a lost reply it stays under way until a look at it, even when its origin moves to another relay.
   *
   * @param now milliseconds, of any clock that only grows.
   * @param free how many rows can be sent at once; the others are claimed ahead. Default: all.
   */
  take(count: number, now: number, free = count): readonly ShownRow[] {
    this.#endRests(now)
    const taken: ShownRow[] = []
    while (taken.length < count) {
      const candidate = this.#rotation.next()
      if (!candidate) break
      if (this.#goesApart(candidate)) continue
      this.#memory.become(candidate, 'under way')
      // The claim is later than all that was read, so the end of the attempt names the first row.
      candidate.asks = false
      candidate.origin.turnOf = otherRange(rangeOf(candidate.row))
      taken.push(candidate.row)
      this.#options.taken(candidate.row)
    }
    this.#isHungry = taken.length < free
    return taken
  }

  /** The row as the claim returned it: an operator may have changed its origin after it was read. */
  claimed(row: ShownRow): void {
    const candidate = this.#memory.get(row.id)
    if (candidate?.state === 'under way') this.#memory.correct(candidate, row)
  }

  /**
   * A read has claimed this row. Returns whether it is under way now. Otherwise it will be released: it may not start, or
   * memory is full, or has the row or another of its key, which was settled meanwhile.
   */
  claimedAsRead(row: ShownRow, mayStart: boolean): boolean {
    const isTakenIn = mayStart && !this.#isFull && !this.#memory.get(row.id) && !this.#memory.occupant(row.orderingKey)
    if (isTakenIn) this.#memory.admit(row, 'under way')
    else this.#transitions.offer(row, 'tip')
    return isTakenIn
  }

  /** Origins for which a new row must wait: others wait there, or `isReady` says no. */
  unready(isReady: (origin: string) => boolean): string[] {
    return [...this.#memory.origins()].flatMap(each => {
      const { origin, rows, underWay, isBehind } = each
      return rows > underWay || isBehind || !isReady(origin) ? origin : []
    })
  }

  /** The look at a row that the claim did not get. @param now as in `take` */
  refused(id: string, refusal: Refusal, now: number): void {
    const candidate = this.#freedBy(id)
    if (candidate) this.#transitions.refused(candidate, refusal, now)
  }

  /** @param next the first unsettled row of the key, from the statement that settled this one; null: there is none. */
  ended(id: string, end: AttemptEnd, next: ShownRow | null): void {
    const candidate = this.#freedBy(id)
    if (candidate) this.#transitions.ended(candidate, end, next)
  }

  /**
   * A statement of this relay settled a row without claiming it: the row expired, or was recovered after its last
   * attempt.
   */
  settledUnclaimed(id: string, key: string | null, next: ShownRow | null): void {
    this.#transitions.settledUnclaimed(id, key, next)
  }

  /** A statement of this relay settled a row, under way here or not. */
  settled(id: string, key: string | null, next: ShownRow | null): void {
    if (this.isUnderWay(id)) this.ended(id, 'settled', next)
    else this.settledUnclaimed(id, key, next)
  }

  /**
   * The slots or the room of the origin may have changed: a POST has ended, or a breaker or a hold has changed.
   *
   * @param name of the origin, or of a URL of it that is set apart.
   */
  freed(name: string): void {
    for (const each of this.#memory.group(name)) {
      each.isFull = false
      this.#memory.update(each)
    }
  }

  /**
   * Ready rows of the origin leave memory and are read again. Call this before a probe: if all rows in memory are new,
   * and the receiver takes only retries, no probe would succeed. With room for one row, pulls read both in turn.
   *
   * @param name as for `freed`
   */
  shed(name: string): void {
    for (const each of this.#memory.group(name))
      for (const candidate of [...each.ready]) this.#transitions.leave(candidate)
  }

  /** `freed` for all origins. */
  freedAll(): void {
    for (const { name } of [...this.#memory.origins()]) this.freed(name)
  }

  /** A peer or an operator named a row whose key may have a new first row. */
  hinted(id: string): void {
    this.#questions.hinted(id)
  }

  /**
   * Everything of the origin is read again. A sweep rewinds a few origins at a time, with pulls between: beyond
   * `behindOrigins` each drops the one that fell behind first.
   *
   * @param isWanted false: for a sweep that nobody has asked for. A range that is being read up to the tip waits for the next.
   */
  rewind(name: string, isWanted = true): void {
    if (!this.#isMine(name)) return
    // With too many origins behind, each rewind may drop another of the group. The origin itself goes last, so it
    // stays.
    for (const each of this.#memory.group(name))
      if (this.#memory.origin(each.name) === each) this.#rewind(each, isWanted)
    this.#rewind(this.#memory.meet(name), isWanted)
  }

  /** Reasons: membership has changed or settled, a relay has died, a hint was lost, a tip has jumped. */
  wantSweep(): void {
    this.#questions.isSweepWanted = true
  }

  /** Call this before the sweep's first read. A row dropped after this call wants the next sweep. */
  beginSweep(): void {
    this.#questions.isSweepWanted = false
  }

  /** Changes which origins belong to this relay. Of lost origins only the rows under way stay. A sweep is wanted. */
  setView(isMine: (origin: string) => boolean): void {
    this.#isMine = isMine
    for (const candidate of [...this.#memory.waiting]) if (!isMine(candidate.row.origin)) this.#memory.remove(candidate)
    for (const origin of [...this.#memory.origins()]) {
      if (isMine(origin.origin)) continue
      origin.forget()
      this.#memory.update(origin)
    }
    this.wantSweep()
  }

  get #isFull(): boolean {
    return this.#memory.size >= this.#options.memoryRows
  }

  /**
   * With memory full, each pulled row pushes one out. That helps only if nothing in memory can start, and only for
   * origins with slots: others would push out each other's rows for ever.
   */
  #takePulls(most: number): Pull[] {
    if (!this.wantsPulls) return []
    const room = this.#isFull ? most : this.#options.memoryRows - this.#memory.size
    return this.#behind.take(most, room, this.#isFull)
  }

  /** The row, if it is under way. It is not on the wire any more. */
  #freedBy(id: string): Candidate | undefined {
    const candidate = this.#memory.get(id)
    if (candidate?.state !== 'under way') return undefined
    this.freed(candidate.row.origin)
    return candidate
  }

  /** Moves the row, the first ready one of its origin, to the backlog of its own URL if that URL is in trouble. */
  #goesApart(candidate: Candidate): boolean {
    const { origin, urlHash } = candidate.row
    if (candidate.origin.urlHash !== null || !this.#options.isTroubled(origin, urlHash)) return false
    if (!this.#memory.setApart(candidate.row, urlsApart)) return false
    this.#memory.correct(candidate, candidate.row)
    return true
  }

  #rewind(origin: OriginBacklog, isWanted: boolean): void {
    origin.rewind(isWanted)
    this.#memory.update(origin)
  }

  #lost(pull: Pull): void {
    const origin = this.#sentFor(pull)
    if (!origin) return
    origin[pull.range].lost()
    this.#memory.update(origin)
  }

  /** Where the pull belongs; undefined: it is not out any more. */
  #sentFor({ origin, urlHash, range }: Pull): OriginBacklog | undefined {
    const known = this.#memory.origin(backlogName(origin, urlHash))
    return known?.[range].isOut ? known : undefined
  }

  #endRests(now: number): void {
    for (let first = this.#memory.resting.first; first && first.restsUntil <= now; first = this.#memory.resting.first)
      this.#memory.become(first, 'ready')
  }
}
