import { encodeForm } from '../../src/delivery/form.ts'
import type { Act } from '../checker/history.ts'
import { amended, cancelled, replayed } from './changes.ts'
import type { Database, Row } from './database.ts'
import type { Dice } from './dice.ts'
import type { Draft } from './producers.ts'
import { isSilent } from './statements/keeping.ts'
import type { Timeline } from './timeline.ts'

/** What an UPDATE changes when it is committed. */
interface Change {
  readonly values: Partial<Row>
  readonly act: Act['act'] | null
  /** Payloads of notifications that are sent even if no relay sleeps. */
  readonly tells: readonly string[]
}

/** Cancel, amend, replay or only lock rows, in transactions that may stay open. */
export class Operators {
  readonly acts: Act[] = []
  /** Called for each committed change. */
  trace: ((line: string) => void) | undefined
  readonly #db: Database
  readonly #timeline: Timeline
  readonly #dice: Dice
  readonly #written: readonly Draft[]
  #open = 0

  constructor(parts: { db: Database; timeline: Timeline; dice: Dice; written: readonly Draft[] }) {
    this.#db = parts.db
    this.#timeline = parts.timeline
    this.#dice = parts.dice
    this.#written = parts.written
  }

  /** How many transactions have not ended, or not begun. */
  get open(): number {
    return this.#open
  }

  act(times: number, withinMs: number): void {
    for (let n = 0; n < times; n += 1) {
      this.#open += 1
      this.#timeline.after(this.#dice.upTo(withinMs), null, () => this.#begin())
    }
  }

  /** Puts one URL or origin on hold for `ms` milliseconds. */
  hold(ms: number): void {
    const prefix = `http://r${this.#dice.whole(1, 3)}.example${this.#dice.chance(0.5) ? '/p1' : ''}`
    this.#db.holds.set(prefix, { isExact: false, since: this.#db.now })
    this.#db.notify(null, 'hold')
    this.#open += 1
    this.#timeline.after(ms, null, () => {
      this.#open -= 1
      this.#db.holds.delete(prefix)
      this.#db.notify(null, 'hold')
    })
  }

  #begin(): void {
    const rows = [...this.#db.rows.values()].filter(({ lockedBy }) => lockedBy === null)
    if (rows.length === 0) {
      this.#open -= 1
      return
    }
    const row = this.#dice.pick(rows)
    const change = this.#changeOf(row)
    const transaction = {}
    row.lockedBy = transaction
    if (change === null) this.#db.forUpdate.add(transaction)
    const { server } = this.#db
    const wakes = change !== null && !isSilent(this.#db, transaction) ? [''] : []
    const ms = this.#dice.chance(0.6) ? this.#dice.upTo(5) : this.#dice.upTo(1_500)
    this.#timeline.after(ms, null, () => {
      this.#open -= 1
      if (this.#db.server !== server) return
      const isCommitted = change !== null && this.#dice.chance(0.9)
      if (isCommitted) this.#commit(row, change)
      row.lockedBy = null
      this.#db.locks.releaseAll(transaction)
      if (isCommitted) for (const payload of [...change.tells, ...wakes]) this.#db.notify(null, payload)
    })
  }

  /** null: the row is only locked, as by SELECT FOR UPDATE. */
  #changeOf(row: Row): Change | null {
    const chance = this.#dice.next()
    if (row.status === 'claimed' || chance < 0.15) return null
    const { now, flaws } = this.#db
    // As if the transaction had begun long before: the trigger then asks for a sweep.
    const tells = this.#dice.chance(0.1) ? ['sweep'] : []
    if (row.status !== 'pending') return { act: 'replay', values: replayed(row, now), tells }
    if (chance < 0.5) {
      const hints = row.key === null || flaws.sendsNoHints ? [] : [String(row.id)]
      return { act: 'cancel', values: cancelled(now), tells: [...hints, ...tells] }
    }
    const values = this.#amended(row, chance, now)
    const retries = chance >= 0.65 && values.url === undefined && (values.dueAt ?? 0) <= now ? [`retry ${row.id}`] : []
    return { act: null, values, tells: [...retries, ...tells] }
  }

  #amended(row: Row, chance: number, now: number): Partial<Row> {
    if (chance < 0.65) return amended(row, { form: `{"n":"${row.id}","v":"${Math.floor(now)}"}` }, now)
    if (chance < 0.8)
      return amended(row, { dueAt: this.#dice.pick([null, now + this.#dice.between(-500, 2_000)]) }, now)
    const origin = `http://r${this.#dice.whole(1, 3)}.example`
    return amended(row, { url: `${origin}/p1`, origin }, now)
  }

  #commit(row: Row, { values, act }: Change): void {
    this.#db.change(row, values)
    if (values.form !== undefined)
      this.#written.find(({ messageId }) => messageId === row.messageId)?.bodies.push(encodeForm(values.form))
    if (act !== null) this.acts.push({ messageId: row.messageId, act, attempts: row.attempts })
    this.trace?.(`operator: ${act ?? 'amend'} ${row.id} ${JSON.stringify(values)}`)
  }
}
