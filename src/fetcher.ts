import type { RetryPolicy } from './decision.ts'
import { isBehind } from './due-order.ts'
import type { Holdings } from './holdings.ts'
import type { WaitingCallback } from './model.ts'
import {
  type DuePosition,
  type FreshRange,
  type Listed,
  noEnd,
  type ParkedPosition,
  readDue,
  readFresh,
  readIds,
  readKeys,
  readParked,
} from './outbox/fetch.ts'
import { look as lookAt } from './outbox/look.ts'
import type { Session } from './outbox/session.ts'
import { park } from './outbox/settle.ts'
import { Overlap } from './overlap.ts'
import type { Recorder } from './recorder.ts'
import { recover } from './recovery.ts'
import { compareIds, type Reading, type Sequencer } from './sequencer.ts'

const freshStart = '0'
const dueStart: DuePosition = { dueAt: '-infinity', id: '0' }
const parkedStart: ParkedPosition = { origin: '', id: '0' }

/** New ground read at a time. */
const batch = 1_000

/** Known ground read again at most. */
const overlapRows = 2_000

export interface FetcherOptions {
  /** How far ahead due rows are read, in milliseconds: longer than a poll, so that each is known before it is due. */
  readonly horizonMs: number
  /** The shortest time between two sweeps, in milliseconds. */
  readonly sweepMs: number
  /** Rows that memory holds. */
  readonly memoryRows: number
  readonly policy: RetryPolicy
}

/**
 * Reads what is not settled into the sequencer: from a little before where it was, and now and then from the beginning.
 *
 * An id is given at INSERT and becomes visible at COMMIT, so a cursor alone loses rows. The two indexes hold exactly what
 * is unsettled, so nothing need be remembered about gaps: the overlap finds nearly all late rows at once, the sweep the
 * rest; what is known is dropped in memory. A restart is a sweep.
 */
export class Fetcher {
  readonly #session: Session
  readonly #sequencer: Sequencer
  readonly #holdings: Holdings
  readonly #recorder: Recorder
  readonly #options: FetcherOptions
  readonly #fresh = new Overlap<string>(freshStart, { ms: 500, rows: overlapRows })
  readonly #due = new Overlap<DuePosition>(dueStart, { ms: 500, rows: overlapRows })
  #parked: ParkedPosition = parkedStart
  #keys = new Set<string>()
  #nextSweepAt = 0
  #more = false

  constructor(
    parts: { session: Session; sequencer: Sequencer; holdings: Holdings; recorder: Recorder },
    options: FetcherOptions,
  ) {
    this.#session = parts.session
    this.#sequencer = parts.sequencer
    this.#holdings = parts.holdings
    this.#recorder = parts.recorder
    this.#options = options
  }

  /** Reads new ground, and sweeps when it is time. */
  async look(): Promise<Look> {
    if (this.#holdings.size === 0) return { found: 0, more: false }
    this.#more = false
    let found = await this.#readFresh()
    found += await this.#readDue()
    found += await this.#readKeys()
    if (performance.now() >= this.#nextSweepAt) found += await this.#timedSweep()
    await this.#makeRoom()
    return { found, more: this.#more }
  }

  /** Reads everything unsettled up to where the cursors are, and what was set aside. Returns how many rows were new. */
  async sweep(): Promise<number> {
    let found = await this.#sweepFresh()
    found += await this.#sweepDue()
    found += await this.#readParked()
    await this.#lookAtBlockers()
    return found
  }

  /** The lanes have changed: all is read again from the beginning. */
  restart(): void {
    this.#fresh.restart()
    this.#due.restart()
    this.#parked = parkedStart
    this.#nextSweepAt = 0
  }

  /** A late row of this key has left: others may have been parked behind it. */
  wantKey(key: string): void {
    this.#keys.add(key)
  }

  /** Reads these rows in, as far as they are unsettled. */
  readIn(ids: readonly string[]): Promise<number> {
    return this.#takeIn(() => readIds(this.#session, ids))
  }

  /** These rows were handed out and could not be claimed, since they are claimed already. */
  async recoverClaimed(ids: readonly string[]): Promise<void> {
    const rows = new Map((await readIds(this.#session, ids)).map(row => [row.id, row]))
    const now = performance.now()
    for (const id of ids) {
      const row = rows.get(id)
      if (!row || !this.#recover(row, now)) this.#sequencer.settled(id, now)
    }
  }

  /** Takes rows in: those nobody is sending any more go to the recorder, the others to the sequencer. */
  async #takeIn(read: () => Promise<readonly Listed[]>): Promise<number> {
    const reading = this.#sequencer.beginReading()
    try {
      return this.#sort(await read(), reading)
    } finally {
      this.#sequencer.endReading(reading)
    }
  }

  #sort(rows: readonly Listed[], reading: Reading): number {
    const now = performance.now()
    const waiting: WaitingCallback[] = []
    let recovered = 0
    for (const row of rows) {
      if (row.status !== 'claimed') {
        if (this.#holdings.serves(row.lane)) waiting.push(row)
      } else if (!this.#sequencer.isUnderWay(row.id) && !reading.left.has(row.id)) {
        recovered += Number(this.#recover(row, now))
      }
    }
    return recovered + this.#sequencer.add(waiting, now, reading)
  }

  /** True when an attempt of the row is on its way into the record. */
  #recover(row: Listed, now: number): boolean {
    const epoch = this.#holdings.epochOf(row.lane)
    const attempt = epoch === undefined ? undefined : recover(row, epoch, this.#options.policy, now)
    if (!attempt || this.#recorder.holds(row.id)) return false
    this.#recorder.add(attempt)
    return true
  }

  /** How much to read; 0 while memory is nearly full, since many small reads cost more than a large one a little later. */
  #limit(): number {
    const least = Math.min(batch, this.#options.memoryRows / 4)
    const limit = this.#sequencer.room < least ? 0 : Math.min(batch, this.#sequencer.room)
    if (limit === 0) this.#more = true
    return limit
  }

  #readFresh(): Promise<number> {
    return this.#takeIn(async () => {
      const limit = this.#limit()
      if (limit === 0) return []
      const now = performance.now()
      const range = { overlapFrom: this.#fresh.from(now), after: this.#fresh.reached, upTo: noEnd }
      const { rows, reached, read } = await readFresh(this.#session, this.#holdings.lanes, range, limit)
      if (reached !== null && compareIds(reached, range.after) > 0) this.#fresh.advance(reached, read, now)
      if (read === limit) this.#more = true
      return rows
    })
  }

  #readDue(): Promise<number> {
    return this.#takeIn(async () => {
      const room = this.#limit()
      if (room === 0) return []
      const limit = room + overlapRows
      const now = performance.now()
      const after = this.#due.from(now)
      const { rows, reached, read } = await readDue(
        this.#session,
        this.#holdings.lanes,
        after,
        this.#options.horizonMs,
        limit,
      )
      if (reached !== null && isBehind(this.#due.reached, reached)) this.#due.advance(reached, read, now)
      if (read === limit) this.#more = true
      return rows
    })
  }

  async #readKeys(): Promise<number> {
    if (this.#keys.size === 0) return 0
    const keys = [...this.#keys].slice(0, 100)
    for (const key of keys) this.#keys.delete(key)
    return this.#takeIn(() => readKeys(this.#session, keys, 20))
  }

  /** A sweep costs more the more there is to walk over, dead index entries too: at most a twentieth of the time. */
  async #timedSweep(): Promise<number> {
    const startedAt = performance.now()
    const found = await this.sweep()
    const tookMs = performance.now() - startedAt
    this.#nextSweepAt = performance.now() + Math.max(this.#options.sweepMs, 20 * tookMs)
    return found
  }

  async #sweepFresh(): Promise<number> {
    let found = 0
    const upTo = this.#fresh.reached
    let after: string | null = freshStart
    while (after !== null && this.#sequencer.room > 0) {
      const range: FreshRange = { overlapFrom: after, after, upTo }
      after = null
      found += await this.#takeIn(async () => {
        const { rows, reached, read } = await readFresh(this.#session, this.#holdings.lanes, range, batch)
        if (read === batch) after = reached
        return rows
      })
    }
    return found
  }

  async #sweepDue(): Promise<number> {
    let found = 0
    let after: DuePosition | null = dueStart
    while (after !== null && this.#sequencer.room > 0) {
      const from: DuePosition = after
      after = null
      found += await this.#takeIn(async () => {
        const { rows, reached, read } = await readDue(this.#session, this.#holdings.lanes, from, 0, batch)
        if (read === batch && reached !== null && isBehind(reached, this.#due.reached)) after = reached
        return rows
      })
    }
    return found
  }

  /** Parked rows come back while memory is less than half full, an origin's until it holds an eighth of it. */
  async #readParked(): Promise<number> {
    let found = 0
    const { memoryRows } = this.#options
    for (let pages = 0; pages < 10 && this.#sequencer.room > memoryRows / 2; pages += 1) {
      let end = false
      found += await this.#takeIn(async () => {
        const { rows, reached, read } = await readParked(this.#session, this.#holdings.lanes, this.#parked, batch)
        end = reached === null || read < batch
        this.#parked = reached === null || end ? parkedStart : this.#after(reached)
        return rows.filter(row => this.#sequencer.heldFor(row.origin) < memoryRows / 8)
      })
      if (end) break
    }
    return found
  }

  /** Where to read on: at the next origin, when this one has its share in memory. */
  #after(reached: ParkedPosition): ParkedPosition {
    const isFull = this.#sequencer.heldFor(reached.origin) >= this.#options.memoryRows / 8
    return isFull ? { origin: reached.origin, id: noEnd } : reached
  }

  /** A row that others wait behind may have been cancelled by an operator: they go on then. */
  async #lookAtBlockers(): Promise<void> {
    const ids: string[] = []
    for (const id of this.#sequencer.blockers()) if (ids.push(id) === batch) break
    if (ids.length === 0) return
    const unsettled = new Set(
      (await lookAt(this.#session, ids))
        .filter(({ status }) => status === 'pending' || status === 'claimed')
        .map(({ id }) => id),
    )
    for (const id of ids) if (!unsettled.has(id)) this.#sequencer.settled(id, performance.now())
  }

  async #makeRoom(): Promise<void> {
    const surplus = this.#sequencer.overflow(performance.now())
    for (let from = 0; from < surplus.length; from += batch) {
      const rows = surplus.slice(from, from + batch)
      const lanes = this.#holdings.among(rows.map(({ lane }) => lane))
      await park(
        this.#session,
        rows.map(({ id }) => id),
        lanes,
      )
    }
  }
}

/** What a look brought: new rows, and whether there is more to be had at once. */
export interface Look {
  readonly found: number
  readonly more: boolean
}
