import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Written } from '../checker/history.ts'
import { pick, type Random } from '../fixtures/random.ts'
import { now } from './clock.ts'
import { formOf } from './form.ts'
import { spread } from './hosts.ts'

/** What transactions are made of. */
export interface Traffic {
  /** Where callbacks go. */
  readonly urls: readonly string[]
  /** Keys are `<prefix>1` to `<prefix><keys>`. */
  readonly keyPrefix: string
  readonly keys: number
  /** Share of transactions without a key, and of those that do not lock what their key names: no order is promised to them. */
  readonly keyless: number
  readonly unlocked: number
  /** Share of transactions that are rolled back; half as many rows stand behind a savepoint that is. */
  readonly rolledBack: number
  /** The longest a transaction stays open, in milliseconds. */
  readonly openMs: number
  /** Whether it writes a row of its own for each callback, into `transition`, as a scheduler does. */
  readonly hasOwnRows: boolean
}

/** A line of a writer's journal; the last one of a callback counts. */
export interface WrittenLine extends Written {
  /** Right before COMMIT was sent. */
  readonly committingAt: number | null
}

type Row = Omit<WrittenLine, 'committedAt' | 'committingAt'>

export interface TransactionParts {
  readonly client: pg.Client
  readonly traffic: Traffic
  readonly random: Random
  /** Gives each row a name that no other has. */
  readonly nextName: () => string
  readonly note: (lines: readonly WrittenLine[]) => void
}

/**
 * One transaction of a scheduler: locks the row that its key names, inserts one to four callbacks, stays open for a random
 * while, and ends one way or the other.
 */
export class Transaction {
  readonly #parts: TransactionParts
  readonly #key: string | null
  readonly #rows: Row[] = []

  constructor(parts: TransactionParts) {
    const { random, traffic } = parts
    this.#parts = parts
    this.#key = random() < traffic.keyless ? null : `${traffic.keyPrefix}${1 + Math.floor(random() * traffic.keys)}`
  }

  /** Returns how many rows it committed. @throws whatever broke it; the journal is right then, too. */
  async run(): Promise<number> {
    const { client, random, traffic } = this.#parts
    const willRollBack = random() < traffic.rolledBack
    try {
      await client.query('begin')
      if (this.#key !== null && random() >= traffic.unlocked) {
        await client.query('select from execution where key = $1 for no key update', [this.#key])
      }
      await this.#insertAll()
      if (willRollBack) await client.query('rollback')
    } catch (error) {
      this.#note(this.#rows, null)
      throw error
    }
    if (!willRollBack) return this.#commit()
    this.#note(this.#rows, null)
    return 0
  }

  async #insertAll(): Promise<void> {
    const { client, random, traffic } = this.#parts
    const count = 1 + Math.floor(random() * 4)
    for (let n = 0; n < count; n += 1) {
      const isTentative = random() < traffic.rolledBack
      if (isTentative) await client.query('savepoint tentative')
      await this.#insert()
      if (isTentative && random() < 0.5) {
        await client.query('rollback to tentative')
        this.#note(this.#rows.splice(-1), null)
      }
      const openMs = random() * traffic.openMs
      if (openMs >= 1) await delay(openMs / count)
    }
  }

  async #insert(): Promise<void> {
    const { client, random, traffic, nextName } = this.#parts
    const { json, body } = formOf(nextName(), random)
    const url = spread(pick(random, traffic.urls), this.#key ?? String(Math.floor(random() * 1_000)))
    const insertingAt = now()
    const { rows } = await client.query<{ id: string; message_id: string }>(
      'insert into outbox.callback (url, form, ordering_key) values ($1, $2, $3) returning id, message_id',
      [url, json, this.#key],
    )
    const row = rows[0]
    if (row === undefined) throw new Error('an INSERT returned no row')
    if (traffic.hasOwnRows) await client.query('insert into transition values ($1)', [row.message_id])
    this.#rows.push({ messageId: row.message_id, id: row.id, key: this.#key, insertingAt, bodies: [body] })
  }

  /** The journal says `unknown` first, since this very process may be killed before it knows. */
  async #commit(): Promise<number> {
    const committingAt = now()
    this.#note(this.#rows, 'unknown', committingAt)
    try {
      const { command } = await this.#parts.client.query('commit')
      const isCommitted = command === 'COMMIT'
      this.#note(this.#rows, isCommitted ? now() : null, committingAt)
      return isCommitted ? this.#rows.length : 0
    } catch (error) {
      // Refused by a server that lives on: that is a rollback. All else leaves it open.
      if (error instanceof pg.DatabaseError && error.severity === 'ERROR') this.#note(this.#rows, null)
      throw error
    }
  }

  #note(rows: readonly Row[], committedAt: Written['committedAt'], committingAt: number | null = null): void {
    if (rows.length > 0) this.#parts.note(rows.map(row => ({ ...row, committedAt, committingAt })))
  }
}
