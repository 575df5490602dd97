import assert from 'node:assert/strict'
import type { Test } from 'tap'
import type { OwnedLane, WaitingCallback } from '../../src/model.ts'
import { takeLanes } from '../../src/outbox/lanes.ts'
import { Session, type SessionOptions } from '../../src/outbox/session.ts'
import { relaySettings, settle } from '../../src/outbox/settings.ts'
import { laneCount } from '../../src/policy/lanes.ts'
import { type TestDatabase, testDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'

/** Every lane at the epoch of a fresh schema. */
export const allLanes = Array.from({ length: laneCount }, (_, lane) => ({ lane, epoch: '0', owner: null }))

/** What a test writes into outbox.callback; what it leaves out has the column's default. */
export type Columns = Readonly<Record<string, string | number | boolean | null>>

/** A row of outbox.callback as text, but for what a test usually compares. */
export interface CallbackRow {
  readonly message_id: string
  readonly status: string
  readonly attempts: number
  readonly rev: string
  readonly lane: number
  readonly claimed_epoch: string | null
  readonly due_at: Date | number | null
  readonly expires_at: Date | null
  readonly claimed_at: Date | null
  readonly settled_at: Date | null
  readonly dead_at: Date | null
  readonly last_http_status: number | null
  readonly last_error: string | null
}

/** A database of its own, with a relay's session whose role has the relay's rights and no others. */
export class Stage {
  readonly #t: Pick<Test, 'teardown'>
  readonly database: TestDatabase
  readonly session: Session

  private constructor(t: Pick<Test, 'teardown'>, database: TestDatabase, session: Session) {
    this.#t = t
    this.database = database
    this.session = session
  }

  static async open(t: Pick<Test, 'teardown'>): Promise<Stage> {
    const database = await testDatabase(t)
    return new Stage(t, database, await openSession(t, database.url))
  }

  /** Another session of a relay. */
  another(options: Partial<SessionOptions> = {}): Promise<Session> {
    return openSession(this.#t, this.database.url, options)
  }

  /** Every lane, taken by a relay. */
  takeAll(name = 'relay-a'): Promise<OwnedLane[]> {
    return takeLanes(this.session, name, allLanes)
  }

  async query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.database.client.query<Row>(text, [...values])).rows
  }

  /** @returns the id. */
  async insert(columns: Columns = {}, client = this.database.client): Promise<string> {
    const all: Columns = { url: 'https://receiver.test/a', ...columns }
    const names = Object.keys(all)
    const places = names.map((_, i) => `$${i + 1}`)
    const text = `insert into outbox.callback (${names.join(', ')}) values (${places.join(', ')}) returning id`
    const { rows } = await client.query<{ id: string }>(text, Object.values(all))
    return rows[0]?.id ?? ''
  }

  /** Changes a row as the relay's statements do, past the trigger for operators. */
  async force(id: string, assignments: string): Promise<void> {
    await this.query(`update outbox.callback set ${assignments}, rev = rev + 1 where id = $1`, [id])
  }

  async row(id: string): Promise<CallbackRow> {
    const [row] = await this.query<CallbackRow>('select * from outbox.callback where id = $1', [id])
    if (!row) throw new Error(`no callback ${id}`)
    return row
  }
}

/** A session under the relay's role, closed in teardown. */
export async function openSession(
  t: Pick<Test, 'teardown'>,
  url: string,
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  const all: SessionOptions = {
    connection: { connectionString: url, options: '-c role=outbox_relay' },
    schema: 'outbox',
    applicationName: 'ringback claim test',
    timeoutMs: 10_000,
    prepared: true,
    ...options,
  }
  const session = await Session.open(all)
  t.teardown(() => session.close())
  await settle(session, relaySettings('claim', { timeoutMs: all.timeoutMs, leaseMs: 30_000 }), 'session')
  return session
}

/** What memory knows of a row; a claim goes by the id alone. */
export function waiting(id: string): WaitingCallback {
  return { id, lane: 0, orderingKey: null, origin: 'https://receiver.test', dueInMs: 0, late: false }
}

/** Resolves when the session waits for a lock that `by` holds. */
export async function untilBlocked(stage: Stage, session: Session, by?: number): Promise<void> {
  await eventually(async () => {
    const [row] = await stage.query<{ pids: number[] }>('select pg_blocking_pids($1) as pids', [session.pid])
    const pids = row?.pids ?? []
    assert.ok(by === undefined ? pids.length > 0 : pids.includes(by), `blocked by ${pids.join() || 'nobody'}`)
  })
}
