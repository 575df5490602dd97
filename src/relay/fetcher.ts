import {
  type ClaimedPlace,
  claimedStart,
  type DuePosition,
  dueStart,
  freshStart,
  type Listed,
  noEnd,
  readClaimed,
  readDue,
  readFresh,
  readFreshEnd,
} from '../outbox/fetch.ts'
import type { Session } from '../outbox/session.ts'
import {
  duePauseMs,
  floodEndRows,
  keysAtOnce,
  longestSweepPauseMs,
  lookBackMs,
  lookBackRows,
  newRowsShare,
  originShare,
  pageRows,
  sweepShare,
} from '../policy/tuning.ts'
import { compareIds, type Sequencer } from '../sequencer/sequencer.ts'
import { isBehind } from './due-order.ts'
import { Gap } from './gap.ts'
import type { Holdings } from './holdings.ts'
import type { Intake } from './intake.ts'
import { Overlap } from './overlap.ts'
import { Parking, type ParkingParts } from './parking.ts'

/** Pages of a gap read before new rows are looked for again. */
const gapPages = 3

export interface FetcherOptions {
  /** How far ahead due rows are read, in milliseconds: longer than a poll, so that each is known before it is due. */
  readonly horizonMs: number
  /** The shortest time between two sweeps, in milliseconds. */
  readonly sweepMs: number
  /** Rows that memory holds. */
  readonly memoryRows: number
}

/**
 * Reads what is not settled into the sequencer: from a little before where it was, and now and then from the beginning.
 *
 * An id is given at INSERT and becomes visible at COMMIT, so a cursor alone loses rows. The two indexes hold exactly what
 * is unsettled, so nothing need be remembered about rows: the overlap finds nearly all late ones at once, the sweep the
 * rest; what is known is dropped in memory. A restart is a sweep.
 *
 * A flood must not stand before what is written after it: when more is there than one read brings, the tip moves to the end
 * of the index, and what lies between is a gap, read as memory has room. Within an origin the older rows still go first
 * (the sequencer sees to that), and a quarter of memory is kept for the tip.
 */
export class Fetcher {
  readonly #session: Session
  readonly #sequencer: Sequencer
  readonly #holdings: Holdings
  readonly #intake: Intake
  readonly #options: FetcherOptions
  readonly #tip = new Overlap<string>(freshStart, { ms: lookBackMs, rows: lookBackRows })
  readonly #gap = new Gap()
  readonly #parking: Parking
  readonly #due = new Overlap<DuePosition>(dueStart, { ms: lookBackMs, rows: lookBackRows })
  /** Where the search for rows that a former owner has left claimed goes on; null: there are no more. */
  #claimed: ClaimedPlace | null = claimedStart
  #keys = new Set<string>()
  #nextSweepAt = 0
  #nextDueAt = 0
  #more = false

  constructor(parts: ParkingParts, options: FetcherOptions) {
    this.#session = parts.session
    this.#sequencer = parts.sequencer
    this.#holdings = parts.holdings
    this.#intake = parts.intake
    this.#options = options
    this.#parking = new Parking(parts, { memoryRows: options.memoryRows, share: this.#share })
  }

  /**
   * Reads what is new, a part of what was left, and sweeps when it is time.
   *
   * @param isPassing another look follows within milliseconds: due rows, of which most were known before, are not read
   * each time then.
   */
  async look(isPassing = false): Promise<Look> {
    if (this.#holdings.size === 0) return { found: 0, fresh: 0, more: false }
    this.#more = false
    let other = await this.#readClaimed()
    const isSweep = performance.now() >= this.#nextSweepAt
    let fresh = isSweep ? await this.#timed(() => this.#sweepFresh()) : await this.#readTip()
    if (isSweep) other += await this.#timed(() => this.#sweepOthers())
    else if (!isPassing || performance.now() >= this.#nextDueAt) other += await this.#readDue()
    fresh += await this.#readGap()
    other += await this.#readKeys()
    if (!isSweep && this.#parking.isFlowing) other += await this.#parking.readBack()
    if (this.#parking.isFlowing) this.#more = true
    if (this.#more) other += await this.#parking.makeRoom()
    return { found: fresh + other, fresh, more: this.#more }
  }

  /** The lanes have changed: all is read again from the beginning. */
  restart(): void {
    this.#tip.restart()
    this.#gap.close()
    this.#due.restart()
    this.#parking.restart()
    this.#claimed = claimedStart
    this.#nextSweepAt = 0
  }

  /** A late row of this key has left: others may have been parked behind it. */
  wantKey(key: string): void {
    this.#keys.add(key)
  }

  /** Memory that rows waiting in line may take, new ones not counted. */
  get #backlogRoom(): number {
    return Math.max(0, this.#sequencer.room - Math.ceil(this.#options.memoryRows * newRowsShare))
  }

  /** What one origin may hold of memory before its new rows are left for later. */
  get #share(): number {
    return this.#options.memoryRows * originShare
  }

  /** Many small reads cost more than a large one a little later: 0 while there is little room. */
  #limit(room: number): number {
    const least = Math.min(pageRows, this.#share)
    const limit = room < least ? 0 : Math.min(pageRows, room)
    if (limit === 0) this.#more = true
    return limit
  }

  /** What has come since the last read. */
  async #readTip(): Promise<number> {
    const limit = this.#limit(this.#sequencer.room)
    if (limit === 0) return 0
    const now = performance.now()
    const range = { overlapFrom: this.#tip.from(now), after: this.#tip.reached, upTo: noEnd }
    let isFull = false
    const found = await this.#intake.takeIn(async () => {
      const { rows, reached, read } = await readFresh(this.#session, this.#holdings.lanes, range, limit)
      if (reached !== null && compareIds(reached, range.after) > 0) this.#tip.advance(reached, read, now)
      isFull = read === limit
      const wanted = rows.filter(row => this.#mayEnter(row))
      if (wanted.length < rows.length) this.#gap.open(range.after, this.#tip.reached)
      return wanted
    })
    if (isFull) await this.#jump()
    return found
  }

  #mayEnter({ id, origin }: Listed): boolean {
    return this.#sequencer.heldFor(origin) < this.#share || this.#sequencer.knows(id)
  }

  /** Almost to the end: what lies between is for the gap. The last few may have come after the flood. */
  async #jump(): Promise<void> {
    const from = this.#tip.reached
    const to = await readFreshEnd(this.#session, Math.min(floodEndRows, Math.floor(this.#share / 2)))
    if (to === null || compareIds(to, from) <= 0) return
    this.#gap.open(from, to)
    this.#tip.jump(to)
  }

  async #readGap(): Promise<number> {
    let found = 0
    for (let pages = 0; pages < gapPages && this.#gap.isOpen; pages += 1) {
      const limit = this.#limit(this.#backlogRoom)
      if (limit === 0) break
      const { from, to } = this.#gap
      found += await this.#intake.takeIn(async () => {
        const range = { overlapFrom: from, after: from, upTo: to }
        const { rows, reached, read } = await readFresh(this.#session, this.#holdings.lanes, range, limit)
        if (read < limit || reached === null) this.#gap.close()
        else this.#gap.advance(reached)
        return rows
      })
    }
    if (this.#gap.isOpen) this.#more = true
    return found
  }

  /** Rows that became due, or will within the horizon; with `fromStart` all of them. */
  async #readDue(fromStart = false): Promise<number> {
    const now = performance.now()
    this.#nextDueAt = now + duePauseMs
    const room = this.#limit(this.#backlogRoom)
    if (room === 0 && !fromStart) return 0
    const { horizonMs } = this.#options
    let found = 0
    let after: DuePosition | null = fromStart ? dueStart : this.#due.from(now)
    while (after !== null) {
      const from: DuePosition = after
      const limit = fromStart ? pageRows : room + lookBackRows
      found += await this.#intake.takeIn(async () => {
        const { rows, reached, read } = await readDue(this.#session, this.#holdings.lanes, from, horizonMs, limit)
        const isNew = reached !== null && isBehind(this.#due.reached, reached)
        if (isNew) this.#due.advance(reached, read, now)
        if (isNew && read === limit) this.#more = true
        after = fromStart && read === limit && !isNew && this.#sequencer.room > 0 ? reached : null
        return rows
      })
      if (after !== null) found += await this.#readTip()
    }
    return found
  }

  async #readKeys(): Promise<number> {
    if (this.#keys.size === 0) return 0
    const keys = [...this.#keys].slice(0, keysAtOnce)
    for (const key of keys) this.#keys.delete(key)
    return this.#intake.readKeys(keys)
  }

  /** A sweep costs more the more there is to walk over, dead index entries too: at most a twentieth of the time. */
  async #timed(part: () => Promise<number>): Promise<number> {
    const startedAt = performance.now()
    const found = await part()
    const now = performance.now()
    const restMs = Math.max(this.#options.sweepMs, Math.min(longestSweepPauseMs, (now - startedAt) / sweepShare))
    this.#nextSweepAt = Math.max(this.#nextSweepAt, now + restMs)
    return found
  }

  async #sweepOthers(): Promise<number> {
    const found = (await this.#readDue(true)) + (await this.#parking.readBack())
    await this.#intake.lookAtBlockers()
    return found
  }

  /**
   * All known ground, from the beginning to the tip and what is new behind it, but for the gap. What comes meanwhile is looked
   * for between two pages.
   */
  async #sweepFresh(): Promise<number> {
    if (!this.#gap.isOpen) return this.#sweepFrom(freshStart, noEnd)
    const { from, to } = this.#gap
    return (await this.#sweepFrom(freshStart, from)) + (await this.#sweepFrom(to, noEnd))
  }

  async #sweepFrom(start: string, upTo: string): Promise<number> {
    let found = 0
    let after: string | null = start
    while (after !== null && this.#sequencer.room > 0) {
      const from: string = after
      after = null
      found += await this.#intake.takeIn(async () => {
        const range = { overlapFrom: from, after: from, upTo }
        const { rows, reached, read } = await readFresh(this.#session, this.#holdings.lanes, range, pageRows)
        const isFull = read === pageRows
        const isNew = reached !== null && compareIds(reached, this.#tip.reached) > 0
        if (!isFull && isNew) this.#tip.advance(reached, read, performance.now())
        if (isFull && isNew) this.#more = true
        if (isFull && !isNew) after = reached
        return rows
      })
      if (after !== null) found += await this.#readTip()
    }
    return found
  }

  /** After a takeover: what the former owner was sending is not left to be found in line. */
  async #readClaimed(): Promise<number> {
    const place = this.#claimed
    if (place === null) return 0
    return this.#intake.takeIn(async () => {
      const { rows, next } = await readClaimed(this.#session, this.#holdings.lanes, place)
      if (this.#claimed === place) this.#claimed = next
      if (this.#claimed !== null) this.#more = true
      return rows
    })
  }
}

/** What a look brought. */
export interface Look {
  /** Rows that memory did not know, or had no room for: while there are any, another look follows soon. */
  readonly found: number
  /** Those of them that were never tried. */
  readonly fresh: number
  /** Whether there is more to be had at once. */
  readonly more: boolean
}
