import type { OriginSign, WaitingCallback } from '../model.ts'
import { byNumber, Heap } from './heap.ts'
import { KeyLine } from './key-line.ts'
import type { SequencerLimits } from './limits.ts'
import { type Reading, Readings } from './readings.ts'
import { isAlone, isUnderWay, newRow, type Row, type RowState } from './row.ts'
import { surplusOf } from './surplus.ts'
import { Turns } from './turns.ts'

export { compareIds } from '../ids.ts'
export type { SequencerLimits } from './limits.ts'
export type { Reading } from './readings.ts'

/**
 * Which callback may start now: order per key, how much each origin can take, fairness among origins. Pure: no I/O and no clock of its
 * own; times are milliseconds of any clock that only grows, passed in.
 *
 * A row is blocked, waiting, ready, running or recording (see `RowState`). Its key's line says whether it is its turn, the
 * alarms when it is due, its origin which of the ready rows goes first; `#become` alone moves it from one to the other.
 *
 * It need not know everything. The claim asks the database once more whether an earlier row of the key is unsettled, and
 * rows that are forgotten here are found again by a sweep. So dropping a row is always safe, and memory has a bound.
 */
export class Sequencer {
  readonly #limits: SequencerLimits
  readonly #rows = new Map<string, Row>()
  readonly #lines = new Map<string, KeyLine>()
  /** Rows by the time when they are due. */
  readonly #alarms = new Heap<Row, number>(byNumber)
  readonly #turns: Turns
  readonly #underWay = new Set<Row>()
  readonly #readings = new Readings()
  #nextOverflowAt = Number.NEGATIVE_INFINITY

  constructor(limits: SequencerLimits) {
    this.#limits = limits
    this.#turns = new Turns(limits.settingsOf)
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

  /** Handed out by `take`, and not yet `settled` or made to wait for `later`. */
  isUnderWay(id: string): boolean {
    const row = this.#rows.get(id)
    return row !== undefined && isUnderWay(row)
  }

  /** Rows held for an origin. */
  heldFor(origin: string): number {
    return this.#turns.get(origin)?.rows ?? 0
  }

  /** Rows of these lanes that are under way: the lanes are drained when there are none. */
  underWayIn(lanes: ReadonlySet<number>): number {
    let rows = 0
    for (const { callback } of this.#underWay) if (lanes.has(callback.lane)) rows += 1
    return rows
  }

  /** Call before rows are read from the database: it may show what leaves meanwhile, or ends, as it was. `endReading` ends it. */
  beginReading(): Reading {
    return this.#readings.begin()
  }

  endReading(reading: Reading): void {
    this.#readings.end(reading)
  }

  /**
   * Takes rows in; known ones are left as they are, but for one that is due earlier than was known (an operator amended
   * it). Rows that left since the reading began, and rows beyond the bound, are left out. Returns how many were new.
   */
  add(callbacks: readonly WaitingCallback[], now: number, reading?: Reading): number {
    const before = this.size
    for (const callback of callbacks) {
      if (reading?.left.has(callback.id)) continue
      const known = this.#rows.get(callback.id)
      if (known) this.#hasten(known, now + callback.dueInMs, now)
      else if (this.room > 0) this.#admit(callback, now)
    }
    return this.size - before
  }

  /** The next rows to `add` of this origin were parked: one that nothing is known of may have been on hold, and starts slowly. */
  comesBack(origin: string, now: number): void {
    this.#turns.comesBack(origin, now)
  }

  /** Up to `count` callbacks that may start at once; they are running from now on. */
  take(count: number, now: number): WaitingCallback[] {
    this.#ring(now)
    const taken: WaitingCallback[] = []
    while (taken.length < count) {
      const origin = this.#turns.take(now)
      const row = origin?.next()
      if (!origin || !row) break
      origin.started(now)
      this.#become(row, 'running')
      taken.push(row.callback)
    }
    return taken
  }

  /**
   * The row's POST has ended and its outcome is on its way into the record: its origin may be given another, as far as what
   * the end says about it allows.
   */
  ended(id: string, sign: OriginSign): void {
    const row = this.#rows.get(id)
    if (row?.state !== 'running') return
    row.origin.health.report(sign)
    this.#become(row, 'recording')
  }

  /**
   * The database has committed that the row is delivered, dead, cancelled or gone: the next of its key may go.
   *
   * @returns its key when nobody else of it is here but some may be parked in the database; null otherwise.
   */
  settled(id: string, now: number): string | null {
    // Even when memory has forgotten it: a read under way may show it still claimed by the attempt that has ended.
    this.#readings.hasLeft(id)
    const row = this.#rows.get(id)
    if (!row) return null
    const { line } = row
    if (line && row.late) line.hidesMore = true
    this.#remove(row, now)
    return line?.hidesMore && line.size === 0 ? line.key : null
  }

  /**
   * The row waits until `dueAt` and holds its key meanwhile. One that nobody waits behind and that is due only after the
   * horizon is forgotten: the due index has it.
   */
  later(id: string, dueAt: number, now: number): void {
    this.#readings.hasLeft(id)
    const row = this.#rows.get(id)
    if (!row) return
    if (dueAt > now + this.#limits.horizonMs && isAlone(row)) {
      this.#remove(row, now)
      return
    }
    this.#become(row, 'blocked')
    row.late = true
    row.dueAt = dueAt
    this.#arm(row, now)
    this.#armFirst(row.line, now)
  }

  /** What `settingsOf` says may have changed: origins go by it from now on; what runs already, runs on. */
  reconfigure(): void {
    this.#turns.reconfigure()
  }

  /** When the next waiting row becomes due, or the next resting origin may start something; undefined when none waits. */
  nextDueAt(): number | undefined {
    const [row, origin] = [this.#alarms.first?.rank, this.#turns.nextAt()]
    return row === undefined || origin === undefined ? (row ?? origin) : Math.min(row, origin)
  }

  /** Waiting rows that others wait behind: an operator may have settled one meanwhile, so the relay looks at them. */
  *blockers(): Generator<string> {
    for (const { first, size } of this.#lines.values()) {
      if (first?.state === 'waiting' && size > 1) yield first.callback.id
    }
  }

  /** Forgets all rows but those under way, or only those in `lanes`. */
  forget(now: number, lanes?: ReadonlySet<number>): void {
    for (const row of [...this.#rows.values()].reverse()) {
      if (!isUnderWay(row) && (!lanes || lanes.has(row.callback.lane))) this.#remove(row, now)
    }
  }

  /**
   * When memory is more than half full: rows to park, of origins that do not work off theirs within `drainMs`; blocked ones
   * first, then the newest, until memory is half empty. They are forgotten here, and so are rows that wait for a far retry,
   * which the due index has anyway. Looks at all rows, so not more often than fifteen times in `drainMs` while it finds none.
   */
  overflow(now: number): WaitingCallback[] {
    const { rows, drainMs } = this.#limits
    if (this.room > rows * 0.4 || now < this.#nextOverflowAt) return []
    const surplus = surplusOf(this.#rows.values(), this.#turns.all(), drainMs, now)
    const parked = surplus.slice(0, Math.max(0, this.size - Math.floor(rows / 2)))
    if (parked.length === 0) this.#nextOverflowAt = now + drainMs / 15
    for (const row of parked) {
      if (row.line) row.line.hidesMore = true
      this.#remove(row, now)
    }
    this.#forgetFar(now)
    return parked.map(row => row.callback)
  }

  #forgetFar(now: number): void {
    const horizon = now + this.#limits.horizonMs
    for (const row of [...this.#rows.values()]) {
      if (row.state === 'waiting' && row.dueAt > horizon && isAlone(row)) this.#remove(row, now)
    }
  }

  #admit(callback: WaitingCallback, now: number): void {
    const { orderingKey } = callback
    const line = orderingKey === null ? undefined : this.#lineOf(orderingKey)
    const row = newRow(callback, this.#turns.of(callback.origin, now), line, now)
    this.#rows.set(callback.id, row)
    row.line?.insert(row)
    this.#arm(row, now)
    const overtaken = row.place?.next?.item
    if (overtaken && !isUnderWay(overtaken)) this.#arm(overtaken, now)
  }

  #lineOf(key: string): KeyLine {
    let line = this.#lines.get(key)
    if (!line) {
      line = new KeyLine(key)
      this.#lines.set(key, line)
    }
    return line
  }

  #hasten(row: Row, dueAt: number, now: number): void {
    if (dueAt >= row.dueAt || isUnderWay(row) || row.state === 'ready') return
    this.#become(row, 'blocked')
    row.dueAt = dueAt
    this.#arm(row, now)
  }

  #remove(row: Row, now: number): void {
    this.#become(row, 'gone')
    this.#rows.delete(row.callback.id)
    this.#readings.hasLeft(row.callback.id)
    this.#turns.left(row.origin)
    if (!row.line) return
    row.line.remove(row)
    if (row.line.size === 0) this.#lines.delete(row.line.key)
    else this.#armFirst(row.line, now)
  }

  /** Makes ready what has become due. */
  #ring(now: number): void {
    for (let alarm = this.#alarms.first; alarm?.item && alarm.rank <= now; alarm = this.#alarms.first)
      this.#arm(alarm.item, now)
  }

  #armFirst(line: KeyLine | undefined, now: number): void {
    if (line?.first?.state === 'blocked') this.#arm(line.first, now)
  }

  /** Gives a row that does not run the state that its place in the key and its time ask for. */
  #arm(row: Row, now: number): void {
    if (row.line && !row.line.maySend(row)) this.#become(row, 'blocked')
    else this.#become(row, row.dueAt > now ? 'waiting' : 'ready')
  }

  /** The one place where a state changes: what the old one held is given back, and the new one begins. */
  #become(row: Row, state: RowState): void {
    if (row.state === state) return
    if (row.state === 'waiting') this.#cancelAlarm(row)
    else if (row.state === 'ready') row.origin.unready(row)
    else if (row.state === 'running') row.origin.ended()
    const wasUnderWay = isUnderWay(row)
    row.state = state
    if (state === 'waiting') row.alarm = this.#alarms.push(row, row.dueAt)
    else if (state === 'ready') row.origin.ready(row)
    if (isUnderWay(row) !== wasUnderWay) this.#occupy(row, !wasUnderWay)
    this.#turns.update(row.origin)
  }

  #cancelAlarm(row: Row): void {
    if (row.alarm) this.#alarms.cancel(row.alarm)
    row.alarm = undefined
  }

  /** While a row is under way no other of its key is. */
  #occupy(row: Row, isTaken: boolean): void {
    if (isTaken) this.#underWay.add(row)
    else this.#underWay.delete(row)
    if (row.line) row.line.running = isTaken ? row : undefined
  }
}
