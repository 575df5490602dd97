import type { Written } from '../checker/history.ts'
import { type Database, originOf, type Row } from './database.ts'
import type { Dice } from './dice.ts'
import { isSilent } from './statements/keeping.ts'
import type { Timeline } from './timeline.ts'

export type Draft = { -readonly [K in keyof Written]: Written[K] } & { bodies: string[] }

/** An INSERT in an open transaction. */
interface Inserted {
  readonly row: Row
  readonly draft: Draft
}

/** Write callbacks, one to four in a transaction, which may stay open for long or be rolled back. */
export class Producers {
  readonly written: Draft[] = []
  readonly #db: Database
  readonly #timeline: Timeline
  readonly #dice: Dice
  readonly #keys: readonly string[]
  #open = 0

  constructor(db: Database, timeline: Timeline, dice: Dice, keys: number) {
    this.#db = db
    this.#timeline = timeline
    this.#dice = dice
    this.#keys = Array.from({ length: keys }, (_, n) => `k${n}`)
  }

  /** How many transactions have not ended. */
  get open(): number {
    return this.#open
  }

  /** Writes `callbacks` callbacks within `withinMs` milliseconds. */
  write(callbacks: number, withinMs: number): void {
    for (let left = callbacks; left > 0; ) {
      const rows = Math.min(left, this.#dice.chance(0.6) ? 1 : this.#dice.whole(2, 4))
      left -= rows
      this.#open += 1
      this.#timeline.after(this.#dice.upTo(withinMs), null, () => this.#begin(rows))
    }
  }

  /** Writes callbacks without keys to one receiver in one transaction, so that a relay claims ahead. */
  flood(rows: number, atMs: number): void {
    this.#open += 1
    this.#timeline.after(atMs, null, () => {
      this.#open -= 1
      this.#end(Array.from({ length: rows }, () => this.#insert({ key: null, origin: 'http://r1.example' })))
      this.#db.notify(null, '')
    })
  }

  /** Writes one callback without a key, committed at once. @param told is then called with its message id. */
  one(url: string, atMs: number, told: (messageId: string) => void): void {
    this.#open += 1
    this.#timeline.after(atMs, null, () => {
      this.#open -= 1
      const row = plainRow(this.#db, this.#db.nextId(), url)
      const { messageId, id } = row
      const at = this.#timeline.now
      this.written.push({ messageId, id: String(id), key: null, insertingAt: at, committedAt: at, bodies: [`n=${id}`] })
      this.#db.commit(row)
      told(messageId)
      const transaction = {}
      if (!isSilent(this.#db, transaction)) this.#db.notify(null, '')
      this.#db.locks.releaseAll(transaction)
    })
  }

  #begin(rows: number): void {
    const isLong = this.#dice.chance(0.3)
    const transaction = {}
    const inserted: Inserted[] = []
    let isNotifying = false
    let at = 0
    for (let n = 0; n < rows; n += 1) {
      this.#timeline.after(at, null, () => {
        inserted.push(this.#insert())
        if (!isSilent(this.#db, transaction)) isNotifying = true
      })
      at += this.#dice.upTo(isLong ? 400 : 2)
    }
    const commitAt = at + (isLong ? this.#longMs() : this.#dice.upTo(2))
    const { server } = this.#db
    this.#timeline.after(commitAt, null, () => {
      this.#open -= 1
      if (this.#db.server !== server) return
      this.#end(inserted)
      this.#db.locks.releaseAll(transaction)
      if (isNotifying) this.#db.notify(null, '')
    })
  }

  /**
   * How long a long transaction stays open. Where sweeps are not rare it may exceed the tips' look-back: a sweep finds
   * its rows.
   */
  #longMs(): number {
    const isLongest = this.#db.sweepMs === 0 && this.#dice.chance(0.05)
    return isLongest ? this.#dice.between(10_000, 14_000) : this.#dice.between(5, 3_000)
  }

  #end(inserted: readonly Inserted[]): void {
    const chance = this.#dice.next()
    for (const { row, draft } of inserted) {
      if (chance < 0.1) continue
      draft.committedAt = this.#timeline.now
      this.#db.commit(row)
    }
    // The connection broke during COMMIT, so the producer does not know how it ended.
    if (chance < 0.02 || chance > 0.97) for (const { draft } of inserted) draft.committedAt = 'unknown'
  }

  #insert({ key, origin } = this.#place()): Inserted {
    const dice = this.#dice
    const id = this.#db.nextId()
    const now = this.#db.now
    const row: Row = {
      ...plainRow(this.#db, id, `${origin}/p`),
      key,
      supersedeKey: key !== null && dice.chance(0.2) ? dice.pick(['s1', 's2']) : null,
      maxAttempts: dice.chance(0.1) ? dice.whole(1, 3) : null,
      url: `${origin}/p${dice.whole(1, 2)}`,
      expiresAt: dice.chance(0.04) ? now + dice.between(1, 4_000) : null,
      dueAt: dice.chance(0.15) ? now + dice.between(-50, 3_000) : null,
    }
    const { messageId } = row
    const insertingAt = this.#timeline.now
    const draft: Draft = { messageId, id: String(id), key, insertingAt, committedAt: null, bodies: [`n=${id}`] }
    this.written.push(draft)
    return { row, draft }
  }

  #place(): Pick<Row, 'key' | 'origin'> {
    const dice = this.#dice
    const key = dice.chance(0.8) ? dice.pick(this.#keys) : null
    return { key, origin: `http://r${dice.whole(1, 3)}.example` }
  }
}

/** The columns of an INSERT that gives only URL and form. */
function plainRow({ now }: Database, id: number, url: string): Row {
  return {
    id,
    messageId: `m${id}`,
    key: null,
    supersedeKey: null,
    maxAttempts: null,
    createdAt: now,
    url,
    origin: originOf(url),
    form: `{"n":"${id}"}`,
    expiresAt: null,
    status: 'pending',
    attempts: 0,
    budgetFrom: 0,
    rev: 0,
    dueAt: null,
    claimedAt: null,
    claimedEpoch: null,
    settledAt: null,
    lastError: null,
    last: null,
    lockedBy: null,
  }
}
