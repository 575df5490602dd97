import TinyQueue from 'tinyqueue'
import { Fifo } from './fifo.ts'
import type { WaitingCallback } from './model.ts'

/**
 * Which callback may start now: order per key, a cap per origin, fairness among origins. Pure: no I/O and no clock of its
 * own; times are milliseconds of any clock that only grows, passed in.
 *
 * A row is in one of four states:
 * - blocked: an earlier row of its key is here; woken when that one leaves, never by a timer
 * - waiting: first of its key (or without a key), due later
 * - ready: may start
 * - running: handed out by `take`, until the relay says what the database has committed: `settled` or `later`
 *
 * It need not know everything. The claim asks the database once more whether an earlier row of the key is unsettled, and
 * rows that are forgotten here are found again by a sweep. So dropping a row is always safe, and memory has a bound.
 */
export class Sequencer {
  readonly #limits: SequencerLimits
  readonly #rows = new Map<string, Row>()
  readonly #keys = new Map<string, KeyQueue>()
  readonly #origins = new Map<string, Origin>()
  /** Origins with a ready row and a free slot, in turn. */
  readonly #turns = new Fifo<Origin>()
  readonly #due = new TinyQueue<Alarm>([], (a, b) => a.at - b.at)
  readonly #readings = new Set<Reading>()

  constructor(limits: SequencerLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#rows.size
  }

  /** How many more rows there is room for. */
  get room(): number {
    return Math.max(0, this.#limits.rows - this.#rows.size)
  }

  knows(id: string): boolean {
    return this.#rows.has(id)
  }

  isRunning(id: string): boolean {
    return this.#rows.get(id)?.state === 'running'
  }

  /** Call before rows are read from the database: what leaves meanwhile, the read may still show. `endReading` ends it. */
  beginReading(): Reading {
    const reading = { left: new Set<string>() }
    this.#readings.add(reading)
    return reading
  }

  endReading(reading: Reading): void {
    this.#readings.delete(reading)
  }

  /**
   * Takes rows in; known ones are left as they are, but for a waiting one that is due earlier than was known (an operator
   * amended it). Rows that left since the reading began, and rows beyond the bound, are left out. Returns how many were new.
   */
  add(callbacks: readonly WaitingCallback[], now: number, reading?: Reading): number {
    const before = this.size
    for (const callback of callbacks) {
      const known = this.#rows.get(callback.id)
      if (known) {
        if (known.state === 'waiting' && now + callback.dueInMs < known.dueAt)
          this.#arm(known, now + callback.dueInMs, now)
      } else if (!reading?.left.has(callback.id) && this.room > 0) {
        this.#admit(callback, now)
      }
    }
    return this.size - before
  }

  /** Up to `count` callbacks that may start at once; they are running from now on. */
  take(count: number, now: number): WaitingCallback[] {
    this.#ring(now)
    const taken: WaitingCallback[] = []
    while (taken.length < count) {
      const origin = this.#turns.shift()
      if (!origin) break
      origin.inTurn = false
      const row = origin.running < this.#limits.originConcurrency ? origin.next() : undefined
      if (!row) continue
      this.#startRunning(row)
      taken.push(row.callback)
      this.#giveTurn(origin)
    }
    return taken
  }

  /**
   * The database has committed that the row is delivered, dead, cancelled or gone: the next of its key may go.
   *
   * @returns the key of a late row that nobody here waits behind; rows may have been parked behind it. null otherwise.
   */
  settled(id: string, now: number): string | null {
    const row = this.#rows.get(id)
    if (!row) return null
    const key = row.late && !row.next ? row.callback.orderingKey : null
    this.#remove(row, now)
    return key
  }

  /**
   * The row waits until `dueAt` and holds its key meanwhile. One that nobody waits behind and that is due only after the
   * horizon is forgotten: the due index has it.
   */
  later(id: string, dueAt: number, now: number): void {
    const row = this.#rows.get(id)
    if (!row) return
    if (dueAt > now + this.#limits.horizonMs && !row.next && !row.previous) {
      this.#remove(row, now)
      return
    }
    row.late = true
    this.#stopRunning(row)
    this.#arm(row, dueAt, now)
    this.#armFirst(row.callback.orderingKey, now)
  }

  /** When the next waiting row becomes due; undefined when none waits. */
  nextDueAt(): number | undefined {
    for (let alarm = this.#due.peek(); alarm; alarm = this.#due.peek()) {
      if (isLive(alarm)) return alarm.at
      this.#due.pop()
    }
    return undefined
  }

  /** True when `take` would hand something out. */
  hasReady(now: number): boolean {
    this.#ring(now)
    return this.#turns.size > 0
  }

  /** Waiting rows that others wait behind: an operator may have settled one meanwhile, so the relay looks at them. */
  *blockers(): Generator<string> {
    for (const key of this.#keys.values()) {
      if (key.first.state === 'waiting' && key.first.next) yield key.first.callback.id
    }
  }

  /** Forgets all rows but the running ones, or only those in `lanes`. */
  forget(now: number, lanes?: ReadonlySet<number>): void {
    for (const row of [...this.#rows.values()].reverse()) {
      if (row.state !== 'running' && (!lanes || lanes.has(row.callback.lane))) this.#remove(row, now)
    }
  }

  /** Running rows of a lane: it is drained when there are none. */
  runningIn(lanes: ReadonlySet<number>): number {
    let running = 0
    for (const row of this.#rows.values()) if (row.state === 'running' && lanes.has(row.callback.lane)) running += 1
    return running
  }

  /**
   * When memory is full: rows to park, of origins that do not work off theirs within `drainMs`; blocked ones first, then
   * the newest, until memory is half empty. They are forgotten here, and so are rows that wait for a far retry, which the
   * due index has anyway.
   */
  overflow(now: number): WaitingCallback[] {
    if (this.room > this.#limits.rows / 10) return []
    const slow = new Set([...this.#origins.values()].filter(origin => !origin.drainsWithin(this.#limits.drainMs, now)))
    const idle = [...this.#rows.values()].filter(
      row => slow.has(row.origin) && (row.state === 'blocked' || row.state === 'ready'),
    )
    idle.sort((a, b) => rank(a) - rank(b) || compareIds(b.callback.id, a.callback.id))
    const parked = idle.slice(0, Math.max(0, this.size - Math.floor(this.#limits.rows / 2)))
    for (const row of parked) this.#remove(row, now)
    this.#forgetFar(now)
    return parked.map(row => row.callback)
  }

  #forgetFar(now: number): void {
    for (const row of [...this.#rows.values()]) {
      if (row.state === 'waiting' && row.dueAt > now + this.#limits.horizonMs && !row.next) this.#remove(row, now)
    }
  }

  /** Rows held for an origin. */
  heldFor(origin: string): number {
    return this.#origins.get(origin)?.rows ?? 0
  }

  #admit(callback: WaitingCallback, now: number): void {
    const { late, dueInMs } = callback
    const row: Row = {
      callback,
      origin: this.#originOf(callback.origin, now),
      dueAt: now + dueInMs,
      late,
      state: 'blocked',
    }
    this.#rows.set(callback.id, row)
    row.origin.rows += 1
    if (callback.orderingKey === null) this.#arm(row, row.dueAt, now)
    else this.#enqueue(row, callback.orderingKey, now)
  }

  #originOf(name: string, now: number): Origin {
    let origin = this.#origins.get(name)
    if (!origin) {
      origin = new Origin(name, now)
      this.#origins.set(name, origin)
    }
    return origin
  }

  /** Puts the row in its place among its key's rows, by id; nearly always the end. */
  #enqueue(row: Row, key: string, now: number): void {
    const queue = this.#keys.get(key)
    if (!queue) {
      this.#keys.set(key, { first: row, last: row, running: undefined })
      this.#arm(row, row.dueAt, now)
      return
    }
    let after: Row | undefined = queue.last
    while (after && compareIds(after.callback.id, row.callback.id) > 0) after = after.previous
    row.previous = after
    row.next = after ? after.next : queue.first
    if (row.next) row.next.previous = row
    else queue.last = row
    if (after) after.next = row
    else this.#overtake(queue, row, now)
  }

  /** An earlier row came late (its transaction was long): it goes first, unless the present first is on its way already. */
  #overtake(queue: KeyQueue, row: Row, now: number): void {
    const former = queue.first
    queue.first = row
    if (former.state === 'running') return
    former.state = 'blocked'
    this.#arm(row, row.dueAt, now)
  }

  #arm(row: Row, dueAt: number, now: number): void {
    row.dueAt = dueAt
    if (this.#isBehindAnother(row)) {
      row.state = 'blocked'
    } else if (dueAt > now) {
      row.state = 'waiting'
      this.#due.push({ row, at: dueAt })
    } else {
      row.state = 'ready'
      row.origin.ready(row)
      this.#giveTurn(row.origin)
    }
  }

  /** Not the first of its key; or the first, but a later row was on its way already when this one came. */
  #isBehindAnother(row: Row): boolean {
    if (row.previous) return true
    const key = row.callback.orderingKey
    return key !== null && this.#keys.get(key)?.running !== undefined
  }

  #armFirst(key: string | null, now: number): void {
    const first = key === null ? undefined : this.#keys.get(key)?.first
    if (first?.state === 'blocked') this.#arm(first, first.dueAt, now)
  }

  /** Makes ready what has become due. */
  #ring(now: number): void {
    for (let alarm = this.#due.peek(); alarm && alarm.at <= now; alarm = this.#due.peek()) {
      this.#due.pop()
      if (isLive(alarm)) this.#arm(alarm.row, alarm.at, now)
    }
  }

  #giveTurn(origin: Origin): void {
    if (origin.inTurn || origin.running >= this.#limits.originConcurrency || !origin.hasReady()) return
    origin.inTurn = true
    this.#turns.push(origin)
  }

  #startRunning(row: Row): void {
    row.state = 'running'
    row.origin.running += 1
    this.#setRunning(row, row)
  }

  #stopRunning(row: Row): void {
    if (row.state !== 'running') return
    row.state = 'blocked'
    row.origin.running -= 1
    row.origin.done += 1
    this.#setRunning(row, undefined)
    this.#giveTurn(row.origin)
  }

  #setRunning({ callback }: Row, running: Row | undefined): void {
    const queue = callback.orderingKey === null ? undefined : this.#keys.get(callback.orderingKey)
    if (queue) queue.running = running
  }

  #remove(row: Row, now: number): void {
    this.#stopRunning(row)
    row.state = 'gone'
    this.#rows.delete(row.callback.id)
    for (const reading of this.#readings) reading.left.add(row.callback.id)
    row.origin.rows -= 1
    if (row.origin.rows === 0) this.#origins.delete(row.origin.name)
    if (row.callback.orderingKey !== null) this.#dequeue(row, row.callback.orderingKey, now)
  }

  #dequeue(row: Row, key: string, now: number): void {
    const queue = this.#keys.get(key)
    if (!queue) throw new Error(`callback ${row.callback.id} has a key that has no queue`)
    if (row.previous) row.previous.next = row.next
    else if (row.next) queue.first = row.next
    if (row.next) row.next.previous = row.previous
    else if (row.previous) queue.last = row.previous
    if (!row.previous && !row.next) this.#keys.delete(key)
    row.previous = undefined
    row.next = undefined
    this.#armFirst(key, now)
  }
}

export interface SequencerLimits {
  /** Rows held at most. */
  readonly rows: number
  /** Rows running at most for one origin. */
  readonly originConcurrency: number
  /** A row due later than this, in milliseconds from now, is not kept unless others wait behind it. */
  readonly horizonMs: number
  /** An origin that needs longer than this to work off its rows is slow: its surplus may be parked when memory is full. */
  readonly drainMs: number
}

/** A read of the database that is under way, and the rows that have left memory since it began. */
export interface Reading {
  readonly left: Set<string>
}

interface Row {
  readonly callback: WaitingCallback
  readonly origin: Origin
  dueAt: number
  late: boolean
  state: 'blocked' | 'waiting' | 'ready' | 'running' | 'gone'
  previous?: Row | undefined
  next?: Row | undefined
}

interface KeyQueue {
  first: Row
  last: Row
  running: Row | undefined
}

interface Alarm {
  readonly row: Row
  readonly at: number
}

/** What is parked first. */
function rank(row: Row): number {
  return row.state === 'blocked' ? 0 : 1
}

/** An alarm is void when its row went on otherwise. */
function isLive({ row, at }: Alarm): boolean {
  return row.state === 'waiting' && row.dueAt === at
}

/** What is known of one scheme, host and port. */
class Origin {
  readonly name: string
  rows = 0
  running = 0
  /** Attempts that ended since `since`, for the rate at which the origin works off its rows. */
  done = 0
  inTurn = false
  #since: number
  #fresh = new Fifo<Row>()
  #late = new Fifo<Row>()
  #starts = 0

  constructor(name: string, now: number) {
    this.name = name
    this.#since = now
  }

  ready(row: Row): void {
    if (row.late) this.#late.push(row)
    else this.#fresh.push(row)
  }

  hasReady(): boolean {
    return this.#peek(this.#fresh) !== undefined || this.#peek(this.#late) !== undefined
  }

  /** Fresh rows go before late ones (retries, replays), but every fourth start is a late one, so that neither starves. */
  next(): Row | undefined {
    this.#starts += 1
    const first = this.#starts % 4 === 0 ? this.#late : this.#fresh
    const second = first === this.#fresh ? this.#late : this.#fresh
    return (this.#peek(first) ? first : this.#peek(second) ? second : first).shift()
  }

  drainsWithin(ms: number, now: number): boolean {
    const elapsed = now - this.#since
    if (elapsed < ms) return true
    const drains = (this.done / elapsed) * ms >= this.rows
    this.#since = now
    this.done = 0
    return drains
  }

  /** Skips rows that went on otherwise since they became ready. */
  #peek(queue: Fifo<Row>): Row | undefined {
    for (let row = queue.peek(); row; row = queue.peek()) {
      if (row.state === 'ready') return row
      queue.shift()
    }
    return undefined
  }
}

/** Ids are decimal texts: the longer one is the larger. */
export function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
