/**
 * A sample scheduler on the tables of sql/examples/thain.sql. It knows nothing of callbacks: it changes a status in a
 * transaction, and the triggers write the callback in the same one.
 */
import type pg from 'pg'
import { pause } from './ending.ts'

export interface Flow {
  readonly id: string
  readonly jobIds: readonly string[]
}

export interface FlowPlan {
  readonly name: string
  /** Who is called back; empty: nobody. */
  readonly urls: { readonly flow?: string; readonly modify?: string; readonly job?: string }
  readonly jobs: readonly string[]
}

/** A transaction that has ended. */
export interface Transaction {
  readonly committed: boolean
  /** When its end was sent: Unix time in milliseconds. */
  readonly endedAtMs: number
  /** `message_id` of the callbacks that it wrote, asked for the balance; a scheduler does not look. */
  readonly messageIds: readonly string[]
}

/** Resolves with the first column of the first row, empty when there is none. */
type Query = (text: string, values?: readonly unknown[]) => Promise<string>

const written = `
  select coalesce(array_agg(message_id::text), '{}') as ids from outbox.callback where xmin = pg_current_xact_id()::xid`

export class Scheduler {
  readonly transactions: Transaction[] = []
  readonly #pool: pg.Pool
  readonly #signal: AbortSignal
  readonly #rolledBack: (callbacks: number) => void

  constructor(pool: pg.Pool, signal: AbortSignal, rolledBack: (callbacks: number) => void) {
    this.#pool = pool
    this.#signal = signal
    this.#rolledBack = rolledBack
  }

  async addFlow({ name, urls: { flow = '', modify = '', job = '' }, jobs }: FlowPlan): Promise<Flow> {
    const jobIds: string[] = []
    let id = ''
    await this.#transaction('commit', async query => {
      id = await query(
        'insert into scheduler.flow (name, callback_url, modify_callback_url, scheduling_status) values ($1, $2, $3, 1) returning id',
        [name, flow, modify],
      )
      for (const each of jobs) {
        const insert = 'insert into scheduler.job (flow_id, name, callback_url) values ($1, $2, $3) returning id'
        jobIds.push(await query(insert, [id, each, job]))
      }
    })
    return { id, jobIds }
  }

  /**
   * One execution from its start to its end; each step is a transaction, with `paceMs` before the next.
   *
   * @param how.stumbles its last transaction is rolled back once, as after a deadlock, and then repeated.
   */
  async execute(flow: Flow, how: { paceMs: number; error?: string; stumbles?: boolean }): Promise<void> {
    const id = await this.start(flow, 'commit')
    for (const jobId of flow.jobIds) {
      await pause(how.paceMs, this.#signal)
      const job = await this.#value(
        'insert into scheduler.job_execution (flow_execution_id, job_id) values ($1, $2) returning id',
        [id, jobId],
        'update scheduler.job_execution set status = 2 where id = $1',
      )
      await pause(how.paceMs, this.#signal)
      await this.#transaction('commit', query =>
        query('update scheduler.job_execution set status = 3 where id = $1', [job]),
      )
    }
    await pause(how.paceMs, this.#signal)
    const end = 'update scheduler.flow_execution set status = $2, error_message = $3 where id = $1'
    const values = [id, how.error === undefined ? 2 : 3, how.error ?? null]
    if (how.stumbles) await this.#transaction('rollback', query => query(end, values))
    await this.#transaction('commit', query => query(end, values))
  }

  /** An execution begins to run. With `rollback` it never was. @returns its id. */
  start(flow: Flow, end: 'commit' | 'rollback'): Promise<string> {
    return this.#value(
      'insert into scheduler.flow_execution (flow_id) values ($1) returning id',
      [flow.id],
      'update scheduler.flow_execution set status = 4 where id = $1',
      end,
    )
  }

  async pauseFlow(flow: Flow): Promise<void> {
    await this.#transaction('commit', query =>
      query('update scheduler.flow set scheduling_status = 2 where id = $1', [flow.id]),
    )
  }

  /** Inserts a row and changes its status, in one transaction. @returns the row's id. */
  async #value(insert: string, values: readonly unknown[], update: string, end: 'commit' | 'rollback' = 'commit') {
    let id = ''
    await this.#transaction(end, async query => {
      id = await query(insert, values)
      await query(update, [id])
    })
    return id
  }

  async #transaction(end: 'commit' | 'rollback', work: (query: Query) => Promise<unknown>): Promise<void> {
    const client = await this.#pool.connect()
    try {
      await client.query('begin')
      await work(async (text, values = []) => {
        const { rows } = await client.query<string[]>({ text, values: [...values], rowMode: 'array' })
        return rows[0]?.[0] ?? ''
      })
      const { rows } = await client.query<{ ids: string[] }>(written)
      const endedAtMs = performance.timeOrigin + performance.now()
      await client.query(end)
      const messageIds = rows[0]?.ids ?? []
      this.transactions.push({ committed: end === 'commit', endedAtMs, messageIds })
      if (end === 'rollback') this.#rolledBack(messageIds.length)
    } finally {
      // After an error its transaction is open: such a session is not for the next one.
      client.release(client.getTransactionStatus() !== 'I')
    }
  }
}
