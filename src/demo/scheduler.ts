/**
 * A sample scheduler on the tables of sql/examples/thain.sql. It knows nothing of callbacks: it changes a status in a
 * transaction, and the triggers write the callback in the same one.
 */
import pg from 'pg'
import { pause } from './waiting.ts'

export interface FlowPlan {
  readonly name: string
  /** Empty: nobody wants to hear of it. The same goes for the other two. */
  readonly callbackUrl: string
  readonly modifyCallbackUrl: string
  readonly jobCallbackUrl: string
  readonly jobs: readonly string[]
}

export interface Flow {
  readonly id: string
  readonly jobIds: readonly string[]
}

/** A transaction, as the summary needs it: what it wrote is asked in it, just before it ends. */
export interface Transaction {
  readonly xid: string
  readonly committed: boolean
  /** `message_id` of the callbacks written. */
  readonly messageIds: readonly string[]
}

type Query = (text: string, values?: readonly unknown[]) => Promise<string>

export interface Execution {
  /** Between two transactions. */
  readonly paceMs: number
  /** Why it fails; none: it succeeds. */
  readonly error?: string
  /** Its last transaction is rolled back once, as after a deadlock, and then repeated. */
  readonly stumbles?: boolean
}

export class Scheduler {
  readonly transactions: Transaction[] = []
  readonly #pool: pg.Pool
  readonly #signal: AbortSignal
  readonly #ended: (transaction: Transaction) => void

  /** @param ended is told of each transaction that is over. */
  constructor(databaseUrl: string, signal: AbortSignal, ended: (transaction: Transaction) => void) {
    this.#pool = new pg.Pool({ connectionString: databaseUrl, application_name: 'sample scheduler', max: 5 })
    // A session that is ended says so to its next query.
    this.#pool.on('error', () => {})
    this.#signal = signal
    this.#ended = ended
  }

  async addFlow({ name, callbackUrl, modifyCallbackUrl, jobCallbackUrl, jobs }: FlowPlan): Promise<Flow> {
    const jobIds: string[] = []
    const insertFlow = `insert into scheduler.flow (name, callback_url, modify_callback_url, scheduling_status)
                        values ($1, $2, $3, 1) returning id`
    const insertJob = 'insert into scheduler.job (flow_id, name, callback_url) values ($1, $2, $3) returning id'
    let id = ''
    await this.#transaction('commit', async query => {
      id = await query(insertFlow, [name, callbackUrl, modifyCallbackUrl])
      for (const job of jobs) jobIds.push(await query(insertJob, [id, job, jobCallbackUrl]))
    })
    return { id, jobIds }
  }

  /** One execution from its start to its end; each step is a transaction, with `paceMs` before the next. */
  async execute(flow: Flow, { paceMs, error, stumbles = false }: Execution): Promise<void> {
    const id = await this.start(flow, 'commit')
    for (const jobId of flow.jobIds) {
      await pause(paceMs, this.#signal)
      await this.#runJob(id, jobId, paceMs)
    }
    await pause(paceMs, this.#signal)
    if (stumbles) await this.#finish(id, error, 'rollback')
    await this.#finish(id, error, 'commit')
  }

  /** An execution begins to run. With `rollback` it never was. @returns its id. */
  async start(flow: Flow, end: 'commit' | 'rollback'): Promise<string> {
    let id = ''
    await this.#transaction(end, async query => {
      id = await query('insert into scheduler.flow_execution (flow_id) values ($1) returning id', [flow.id])
      await query('update scheduler.flow_execution set status = 4 where id = $1', [id])
    })
    return id
  }

  async pauseFlow(flow: Flow): Promise<void> {
    await this.#transaction('commit', query =>
      query('update scheduler.flow set scheduling_status = 2 where id = $1', [flow.id]),
    )
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #finish(executionId: string, error: string | undefined, end: 'commit' | 'rollback'): Promise<void> {
    const finish = 'update scheduler.flow_execution set status = $2, error_message = $3 where id = $1'
    await this.#transaction(end, query => query(finish, [executionId, error === undefined ? 2 : 3, error ?? null]))
  }

  async #runJob(executionId: string, jobId: string, paceMs: number): Promise<void> {
    let id = ''
    await this.#transaction('commit', async query => {
      const insert = 'insert into scheduler.job_execution (flow_execution_id, job_id) values ($1, $2) returning id'
      id = await query(insert, [executionId, jobId])
      await query('update scheduler.job_execution set status = 2 where id = $1', [id])
    })
    await pause(paceMs, this.#signal)
    await this.#transaction('commit', query =>
      query('update scheduler.job_execution set status = 3 where id = $1', [id]),
    )
  }

  #note(transaction: Transaction): void {
    this.transactions.push(transaction)
    this.#ended(transaction)
  }

  /** `query` resolves with the first column of the first row, empty when there is none. */
  async #transaction(end: 'commit' | 'rollback', work: (query: Query) => Promise<unknown>): Promise<void> {
    const client = await this.#pool.connect()
    try {
      await client.query('begin')
      await work(async (text, values = []) => {
        const { rows } = await client.query<string[]>({ text, values: [...values], rowMode: 'array' })
        return rows[0]?.[0] ?? ''
      })
      const written = await client.query<Pick<Transaction, 'xid' | 'messageIds'>>(WRITTEN)
      await client.query(end)
      for (const row of written.rows) this.#note({ ...row, committed: end === 'commit' })
    } finally {
      // After an error its transaction is open: such a session is not for the next one.
      client.release(client.getTransactionStatus() !== 'I')
    }
  }
}

/** For the summary only; a scheduler does not look. Rows of this transaction are those that it has inserted. */
const WRITTEN = `
  select pg_current_xact_id()::text as xid, coalesce(array_agg(message_id::text), '{}') as "messageIds"
    from outbox.callback where xmin = pg_current_xact_id()::xid`
