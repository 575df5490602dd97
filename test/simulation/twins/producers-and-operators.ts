import type pg from 'pg'
import { amended, cancelled, replayed } from '../changes.ts'
import { originOf, type Row } from '../database.ts'
import type { Dice } from '../dice.ts'
import { isSilent } from '../statements/keeping.ts'
import { type Acts, anyKey, anyPrefix, anyUrl } from './acts.ts'
import { rowColumns, type Twins } from './twins.ts'

/** An open transaction, and the act of the model at its commit. */
interface Open {
  readonly token: object
  readonly row: Row
  readonly commit: () => void
}

/** Write, change and hold callbacks in transactions, of which one may stay open. */
export class ProducersAndOperators {
  readonly #twins: Twins
  readonly #dice: Dice
  /** The session of the transaction that may stay open. */
  readonly #other: pg.Client
  #open: Open | null = null

  constructor(twins: Twins, dice: Dice, other: pg.Client) {
    this.#twins = twins
    this.#dice = dice
    this.#other = other
  }

  readonly acts: Acts = {
    insert: () => this.#insert(),
    begin: () => this.#begin(),
    end: () => this.end(),
    change: () => this.#change(),
    hold: () => this.#hold(),
  }

  async #insert(): Promise<void> {
    for (let rows = this.#dice.whole(1, 4); rows > 0; rows -= 1)
      this.#twins.db.commit(await this.#written(this.#twins.stage.database.client))
  }

  /** Inserts a row into PostgreSQL. @returns the model's row, for its commit. */
  async #written(client: pg.Client): Promise<Row> {
    const dice = this.#dice
    const key = dice.chance(0.7) ? anyKey(dice) : null
    const when = (): string | null => (dice.chance(0.8) ? null : dice.chance(0.5) ? 'yesterday' : 'tomorrow')
    const { rows } = await client.query<Omit<Row, 'lockedBy'>>(
      `insert into outbox.callback (ordering_key, supersede_key, url, form, due_at, expires_at, max_attempts)
       values ($1, $2, $3, '{"a": 1}', $4, $5, $6) returning ${rowColumns}`,
      [
        key,
        key !== null && dice.chance(0.3) ? dice.pick(['s1', 's2']) : null,
        anyUrl(this.#dice),
        when(),
        when(),
        dice.chance(0.2) ? dice.whole(1, 3) : null,
      ],
    )
    const row = rows[0]!
    this.#twins.db.sawId(row.id)
    return { ...row, last: null, lockedBy: null }
  }

  /** Begins a transaction that writes, changes or only locks a row. */
  async #begin(): Promise<void> {
    if (this.#open) return
    const { db } = this.#twins
    const token = {}
    await this.#other.query('begin')
    if (this.#dice.chance(0.5)) {
      const row = await this.#written(this.#other)
      isSilent(db, token)
      this.#open = { token, row, commit: () => db.commit(row) }
      return
    }
    const row = this.#anyRow()
    if (!row) return void (await this.#other.query('rollback'))
    row.lockedBy = token
    const values = this.#dice.chance(0.5) ? await this.#changed(this.#other, row) : null
    if (values) isSilent(db, token)
    else {
      await this.#other.query('select from outbox.callback where id = $1 for update', [row.id])
      db.forUpdate.add(token)
    }
    this.#open = { token, row, commit: () => db.change(row, values ?? {}) }
  }

  /** Ends the open transaction. */
  async end(): Promise<void> {
    if (!this.#open) return
    const { token, row, commit } = this.#open
    const isCommitted = this.#dice.chance(0.7)
    await this.#other.query(isCommitted ? 'commit' : 'rollback')
    if (isCommitted) commit()
    row.lockedBy = null
    this.#twins.db.locks.releaseAll(token)
    this.#open = null
  }

  async #change(): Promise<void> {
    const row = this.#anyRow()
    const { db, stage } = this.#twins
    if (row?.lockedBy === null) db.change(row, (await this.#changed(stage.database.client, row)) ?? {})
  }

  /**
   * Replays, cancels or amends a row in PostgreSQL.
   *
   * @returns the changed values; null: the row is claimed, and unchanged.
   */
  async #changed(client: pg.Client, row: Row): Promise<Partial<Row> | null> {
    if (row.status === 'claimed') return null
    this.#twins.tick()
    const { now } = this.#twins.db
    const update = (what: string, values: readonly unknown[] = []): Promise<unknown> =>
      client.query(`update outbox.callback set ${what} where id = $1`, [row.id, ...values])
    if (row.status !== 'pending') {
      await update(`status = 'pending'`)
      return replayed(row, now)
    }
    if (this.#dice.chance(0.4)) {
      await update(`status = 'cancelled'`)
      return cancelled(now)
    }
    if (this.#dice.chance(0.3)) {
      await update('form = $2', ['{"b": 2}'])
      return amended(row, { form: '{"b": 2}' }, now)
    }
    if (this.#dice.chance(0.3)) {
      const dueAt = this.#dice.pick([null, Math.floor(now) - 86_400_000, Math.floor(now) + 86_400_000])
      await update('due_at = $2', [dueAt === null ? null : new Date(dueAt)])
      return amended(row, { dueAt }, now)
    }
    const url = anyUrl(this.#dice)
    await update('url = $2', [url])
    return amended(row, { url, origin: originOf(url) }, now)
  }

  /** Puts a prefix on hold, or releases it. */
  async #hold(): Promise<void> {
    const { stage, db } = this.#twins
    const prefix = anyPrefix(this.#dice)
    const isExact = this.#dice.chance(0.3) && prefix !== 'http://'
    if (db.holds.delete(prefix)) {
      await stage.query('delete from outbox.hold where url_prefix = $1', [prefix])
      return
    }
    if (this.#dice.chance(0.7)) return
    await stage.query(`insert into outbox.hold (url_prefix, exact, reason) values ($1, $2, '')`, [prefix, isExact])
    db.holds.set(prefix, { isExact, since: db.now })
  }

  #anyRow(): Row | undefined {
    const rows = [...this.#twins.db.rows.values()]
    return rows.length > 0 ? this.#dice.pick(rows) : undefined
  }
}
