import type { IndexPlace, Release, ShownRow } from '../model.ts'
import { urlsApart } from '../policy/tuning.ts'
import { Behind, type Pull } from './behind.ts'
import { type AttemptEnd, Ends, type Refusal } from './ends.ts'
import { type Inspection, inspect } from './inspection.ts'
import { Memory } from './memory.ts'
import { type Hints, Messages } from './messages.ts'
import { Offers } from './offers.ts'
import { backlogName, type Candidate } from './origin-backlog.ts'
import { type Question, Questions } from './questions.ts'
import { Read } from './read.ts'
import { Rotation } from './rotation.ts'

export type { Pull } from './behind.ts'
export type { AttemptEnd, Refusal } from './ends.ts'
export type { Inspection } from './inspection.ts'
export type { Hints } from './messages.ts'
export type { Question } from './questions.ts'
export type { Read } from './read.ts'

export interface BacklogOptions {
  /** Rows in memory over all origins. */
  readonly memoryRows: number
  /** Origins that are known to have more in the table. Default 20,000; beyond, the sweep finds them. */
  readonly behindOrigins?: number
  /** Rows that rest. Default 5,000; beyond, the sweep finds them. */
  readonly restingRows?: number
  /** Keys to be looked at, and hints to be sent. Default 10,000 each; beyond, a sweep, here or at the peers. */
  readonly hints?: number
  /** Milliseconds until a row that somebody else has is tried again. Default 250. */
  readonly restMs?: number
  /**
   * How many rows of the origin memory may hold, or of one URL that is set apart, those under way among them, but not those that rest. What it takes in 100 ms
   * at its recent pace is enough. 0 while all of it is held.
   */
  readonly room: (origin: string, urlHash: number | null) => number
  /**
   * How many more rows of the origin may be taken now, or of one URL of it. Where none may, asked again once `freed` names the
   * origin, or what `backlogName` calls the URL.
   *
   * @param next the first of them; undefined: it is not known which.
   */
  readonly slots: (origin: string, urlHash: number | null, next?: ShownRow) => number
  /** The URL is in trouble: its rows wait apart from the others of its origin. */
  readonly isTroubled?: (origin: string, urlHash: number) => boolean
  /** A row is taken: `slots` counts it from now on. */
  readonly taken?: (row: ShownRow) => void
  readonly isMine: (origin: string) => boolean
}

/**
 * A row waits in the table until its origin can take it. Memory holds only rows that may go now or are under way; of
 * everything else it knows per origin from where on there is more. Pure: no I/O and no clock.
 *
 * It may be wrong about any row, since the claim asks the database again. It must not lose one. **Coverage**: every
 * committed row that is unsettled, due and not held is, at the owner of its origin, in memory; or after `cursor` or `again`
 * of its range, or in the pull that is out; or behind an earlier unsettled row of its key; or of a key that will be looked
 * at; or not shown by the tip yet; or it waits for a sweep; or a hint names it. `test/backlog` asserts this after every act.
 *
 * Reads go one at a time, each begun by `beginRead`; claims, looks, releases and records go on beside them.
 */
export class Backlog {
  readonly #options: Required<BacklogOptions>
  readonly #questions: Questions
  readonly #messages: Messages
  readonly #rotation: Rotation
  readonly #behind: Behind
  readonly #memory: Memory
  readonly #offers: Offers
  readonly #ends: Ends
  #isMine: (origin: string) => boolean
  #read = new Read([], [])
  #wantsSweep = true
  /** The last take got fewer rows than could be sent at once. */
  #isHungry = true

  constructor(options: BacklogOptions) {
    const bounds = { behindOrigins: 20_000, restingRows: 5_000, hints: 10_000, restMs: 250, ...options }
    const all = { taken: () => {}, isTroubled: () => false, ...bounds }
    const { room, slots, memoryRows, behindOrigins, restingRows, hints, restMs } = all
    this.#options = all
    this.#isMine = all.isMine
    this.#questions = new Questions(hints, () => this.wantSweep())
    this.#messages = new Messages(hints)
    this.#rotation = new Rotation(slots)
    this.#behind = new Behind({
      room,
      slots,
      most: behindOrigins,
      dropped: origin => {
        this.#memory.tidy(origin)
        this.wantSweep()
      },
    })
    this.#memory = new Memory(this.#rotation, this.#behind)
    this.#offers = new Offers({
      memory: this.#memory,
      behind: this.#behind,
      questions: this.#questions,
      messages: this.#messages,
      isMine: origin => this.#isMine(origin),
      mostRows: memoryRows,
    })
    this.#ends = new Ends({
      memory: this.#memory,
      offers: this.#offers,
      questions: this.#questions,
      messages: this.#messages,
      mostResting: restingRows,
      restMs,
      left: row => this.#read.left(row),
      wantSweep: () => this.wantSweep(),
    })
  }

  /** Rows in memory. */
  get size(): number {
    return this.#memory.size
  }

  get resting(): number {
    return this.#memory.resting
  }

  /** Origins that have more in the table. */
  get behind(): number {
    return this.#behind.size
  }

  /** Origins that have rows in memory or more in the table. */
  get origins(): number {
    return this.#memory.originCount
  }

  /** A look through all origins that have unsettled rows is wanted. */
  get wantsSweep(): boolean {
    return this.#wantsSweep
  }

  get wantsPulls(): boolean {
    return this.#behind.wantsPull && (!this.#isFull || this.#isHungry)
  }

  get wantsAnswers(): boolean {
    return this.#questions.size > 0
  }

  /** It has room for what is known to be in the table, or wants to know who is first of a key. */
  get wantsReads(): boolean {
    return this.wantsPulls || this.wantsAnswers
  }

  /** When the first rest is over, by the clock of `take`; undefined: nothing rests. */
  get nextAt(): number | undefined {
    return this.#memory.firstResting?.restsUntil
  }

  /** Rows of the origin are in memory, or in the table behind what was read. */
  knows(origin: string): boolean {
    return this.#memory.origin(origin) !== undefined
  }

  isUnderWay(id: string): boolean {
    return this.#memory.get(id)?.state === 'under way'
  }

  /** Another row of its key is known, or asked for: it cannot go before this one has ended. */
  isAwaited(id: string): boolean {
    const candidate = this.#memory.get(id)
    return candidate !== undefined && (candidate.asks || (candidate.newer ?? candidate.passedOver) !== undefined)
  }

  /** All that it knows, for tests and for people; it looks at everything. */
  inspect(): Inspection {
    return inspect(this.#memory, this.#questions, this.#read)
  }

  /**
   * Before a read is sent: its snapshot must be taken after this call. The read before it is over.
   *
   * @param most how many pulls and questions it takes along; none for a tip.
   */
  beginRead(most: { readonly pulls?: number; readonly questions?: number } = {}): Read {
    this.endRead()
    this.#read = new Read(this.#takePulls(most.pulls ?? 0), this.#questions.take(most.questions ?? 0))
    return this.#read
  }

  /** The read is over, answered or not. What it has not answered is asked again. */
  endRead(): void {
    for (const pull of this.#read.unanswered.pulls) this.#lost(pull)
    for (const question of this.#read.unanswered.questions) this.#questions.askAgain(question)
    this.#read = new Read([], [])
  }

  /** What a tip has shown, in the order of the index. A tip shows each entry once. */
  offer(rows: readonly ShownRow[], read: Read): void {
    for (const row of rows) if (!read.hasLeft(row)) this.#offers.offer(row, 'tip')
  }

  /**
   * @param rows the heads that it found, and rows claimed by this relay, of those up to `reached`.
   * @param reached the last entry read, head or not, or the end of the span of the index that was looked at.
   * @param isShort that end has reached the tip.
   */
  pulled(pull: Pull, rows: readonly ShownRow[], reached: IndexPlace, isShort: boolean, read: Read): void {
    read.unanswered.pulls.delete(pull)
    const name = backlogName(pull.origin, pull.urlHash)
    const isOut = () => this.#memory.origin(name)?.[pull.range].isOut === true
    if (!isOut()) return
    for (const row of rows) if (!read.hasLeft(row)) this.#offers.offer(row, 'head')
    const origin = this.#memory.origin(name)
    if (origin && isOut()) this.#behind.pulled(origin, pull.range, reached, isShort)
    if (origin) this.#memory.tidy(origin)
  }

  /**
   * @param key that of the question, or of the row that it names; null: that row has none, or is not there.
   * @param first the first unsettled row of the key; null: there is none.
   */
  answered(question: Question, key: string | null, first: ShownRow | null, read: Read): void {
    read.unanswered.questions.delete(question)
    if (first && read.hasLeft(first)) this.#questions.askAgain(question)
    else if (first) this.#offers.offerFirst(first, question.key !== null)
    else this.#offers.noneOf(key)
  }

  /**
   * Rows to claim now, in the order of the origins' turns. They are under way from now on, until `ended` or `refused`
   * accounts for each. Where the claim's reply is lost they stay so until they are looked at, even if their origin goes.
   *
   * @param now milliseconds of any clock that only grows.
   * @param free so many of them could be sent at once, the others are claimed ahead; default: all.
   */
  take(count: number, now: number, free = count): readonly ShownRow[] {
    this.#endRests(now)
    const taken: ShownRow[] = []
    while (taken.length < count) {
      const candidate = this.#rotation.next()
      if (!candidate) break
      if (this.#goesApart(candidate)) continue
      this.#memory.become(candidate, 'under way')
      taken.push(candidate.row)
      this.#options.taken(candidate.row)
    }
    this.#isHungry = taken.length < free
    return taken
  }

  /** As the claim returned it: an operator may have given it another origin since it was read. */
  claimed(row: ShownRow): void {
    const candidate = this.#memory.get(row.id)
    if (candidate?.state === 'under way') this.#memory.correct(candidate, row)
  }

  /** A look says why the claim did not get a row. @param now as of `take` */
  refused(id: string, refusal: Refusal, now: number): void {
    this.#freedBy(id)
    this.#ends.refused(id, refusal, now)
  }

  /** @param next the first unsettled row of its key after the end, as the statement that settled it named it; null: none. */
  ended(id: string, end: AttemptEnd, next: ShownRow | null): void {
    this.#freedBy(id)
    this.#ends.ended(id, end, next)
  }

  /** A statement of this relay has settled a row without an attempt of its own: it expired, or was recovered for the last time. */
  settledUnclaimed(id: string, key: string | null, next: ShownRow | null): void {
    this.#ends.settledUnclaimed(id, key, next)
  }

  /** A statement of this relay has settled a row, whether it was under way here or not. */
  settled(id: string, key: string | null, next: ShownRow | null): void {
    if (this.isUnderWay(id)) this.ended(id, 'settled', next)
    else this.settledUnclaimed(id, key, next)
  }

  /**
   * The origin may have slots again, or more room, or less: a POST has ended, a breaker has changed, a hold has.
   *
   * @param name of the origin, or of a URL of it that is set apart.
   */
  freed(name: string): void {
    for (const each of this.#memory.group(name)) {
      this.#rotation.freed(each)
      this.#behind.update(each)
    }
  }

  /** As `freed`, of all origins. */
  freedAll(): void {
    for (const { name } of [...this.#memory.origins()]) this.freed(name)
  }

  /** A peer or an operator names a row whose key may have a new first row. */
  hinted(id: string): void {
    this.#questions.hinted(id)
  }

  /** Hints to send with the next statement; they are not kept. */
  takeHints(): Hints {
    return this.#messages.takeHints()
  }

  /** Claims to give back; they are not kept. Where the release or its reply is lost, rows that are under way are looked at again. */
  takeReleases(): readonly Release[] {
    return this.#messages.takeReleases()
  }

  /**
   * A hold on it was released, or a sweep has found unsettled rows of it: all of it is read anew. A sweep rewinds a few
   * origins at a time, with pulls between: beyond `behindOrigins` each puts out the one that fell behind first.
   */
  rewind(name: string): void {
    if (!this.#isMine(name)) return
    // One after the other: where too many are behind, each puts out another. The last stays: the one that is not in trouble.
    for (const each of this.#memory.group(name)) if (this.#memory.origin(each.name) === each) this.#behind.rewind(each)
    this.#behind.rewind(this.#memory.meet(name))
  }

  /** Membership has changed or settled, a relay has died, a hint was lost, a tip has jumped. */
  wantSweep(): void {
    this.#wantsSweep = true
  }

  /** Before the sweep's first read is sent. What is dropped from now on wants the next one. */
  beginSweep(): void {
    this.#wantsSweep = false
  }

  /** Whose the origins are from now on. What is under way stays, the rest of lost origins is forgotten; a sweep is wanted. */
  setView(isMine: (origin: string) => boolean): void {
    this.#isMine = isMine
    for (const candidate of [...this.#memory.waiting()])
      if (!isMine(candidate.row.origin)) this.#memory.remove(candidate)
    for (const origin of [...this.#memory.origins()]) {
      if (isMine(origin.origin)) continue
      this.#behind.forget(origin)
      this.#memory.tidy(origin)
    }
    this.wantSweep()
  }

  get #isFull(): boolean {
    return this.#memory.size >= this.#options.memoryRows
  }

  /**
   * With memory full a pull puts other rows out. That is worth it when none of them can start while the wire has room: then
   * only origins that can start something are pulled. Otherwise origins would put out each other's rows for ever.
   */
  #takePulls(most: number): Pull[] {
    if (!this.wantsPulls) return []
    const room = this.#isFull ? most : this.#options.memoryRows - this.#memory.size
    return this.#behind.take(most, room, this.#isFull)
  }

  #freedBy(id: string): void {
    const candidate = this.#memory.get(id)
    if (candidate?.state === 'under way') this.freed(candidate.row.origin)
  }

  /** A row whose URL is in trouble, at the head of those of its origin, makes way. */
  #goesApart(candidate: Candidate): boolean {
    const { origin, urlHash } = candidate.row
    if (candidate.origin.urlHash !== null || !this.#options.isTroubled(origin, urlHash)) return false
    if (!this.#memory.setApart(candidate.row, urlsApart)) return false
    this.#memory.correct(candidate, candidate.row)
    return true
  }

  #lost(pull: Pull): void {
    const origin = this.#memory.origin(backlogName(pull.origin, pull.urlHash))
    if (origin?.[pull.range].isOut) this.#behind.lost(origin, pull.range)
  }

  #endRests(now: number): void {
    for (let first = this.#memory.firstResting; first && first.restsUntil <= now; first = this.#memory.firstResting)
      this.#memory.become(first, 'ready')
  }
}
