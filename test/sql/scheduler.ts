import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Test } from 'tap'
import { encodeForm } from '../../src/delivery/form.ts'
import { type TestDatabase, testDatabase } from '../fixtures/database.ts'
import { asRole, sqlFile } from './roles.ts'

export const flowUrl = 'https://crm.example/flow'
export const changeUrl = 'https://crm.example/modified'
export const jobUrl = 'https://crm.example/job'
export const codes = {
  flow: { waiting: 1, success: 2, error: 3, running: 4, killed: 5, paused: 6, auto_killed: 7 },
  job: { waiting: 1, running: 2, success: 3, error: 4 },
}

export interface Ids {
  readonly flow: string
  readonly run: string
  readonly job: string
  readonly jobRun: string
}

/** The scheduler of examples/thain.sql in a database of its own, under a login that may do no more than its header asks. */
export class Scheduler {
  readonly database: TestDatabase
  readonly #login: string

  private constructor(database: TestDatabase, login: string) {
    this.database = database
    this.#login = login
  }

  static async open(t: Pick<Test, 'teardown'>): Promise<Scheduler> {
    const login = `scheduler_${randomBytes(4).toString('hex')}`
    await asAdmin(`create role ${login} nologin`)
    // Registered first, done last: when the database that refers to the role is gone.
    t.teardown(() => asAdmin(`drop role ${login}`))
    const database = await testDatabase(t)
    // The scheduler itself makes its tables and triggers: it may create a schema, and is an outbox_producer, and nothing else.
    await database.client.query(
      `grant outbox_producer to ${login}; grant create on database ${database.name} to ${login}`,
    )
    const scheduler = new Scheduler(database, login)
    await scheduler.change(await sqlFile('examples/thain.sql'))
    return scheduler
  }

  /** A flow that waits to run, with one job. */
  async flow(urls = { flow: flowUrl, modified: changeUrl, job: jobUrl }): Promise<Ids> {
    const one = async (text: string, values: unknown[]) => {
      const { rows } = await this.database.client.query<{ id: string }>(
        `insert into scheduler.${text} returning id`,
        values,
      )
      return rows[0]?.id ?? ''
    }
    const flow = await one('flow (name, callback_url, modify_callback_url, scheduling_status) values ($1, $2, $3, 1)', [
      'nightly',
      urls.flow,
      urls.modified,
    ])
    const job = await one('job (flow_id, name, callback_url) values ($1, $2, $3)', [flow, 'load', urls.job])
    const run = await one('flow_execution (flow_id) values ($1)', [flow])
    const jobRun = await one('job_execution (flow_execution_id, job_id) values ($1, $2)', [run, job])
    return { flow, run, job, jobRun }
  }

  /** A change that a scheduler makes as ever, with nothing but its own privileges. */
  change(text: string, values?: unknown[]): Promise<unknown> {
    const { client } = this.database
    return asRole(client, this.#login, () => client.query(text, values))
  }

  setFlowRun(id: string, status: number, message: string | null = null): Promise<unknown> {
    const text = 'update scheduler.flow_execution set status = $2, error_message = $3 where id = $1'
    return this.change(text, [id, status, message])
  }

  setJobRun(id: string, status: number, message: string | null = null): Promise<unknown> {
    const text = 'update scheduler.job_execution set status = $2, error_message = $3 where id = $1'
    return this.change(text, [id, status, message])
  }

  setScheduling(id: string, status: number): Promise<unknown> {
    return this.change('update scheduler.flow set scheduling_status = $2 where id = $1', [id, status])
  }

  /** Takes the callbacks written so far, in order: `url body`. */
  async written(): Promise<string[]> {
    const { client } = this.database
    const { rows } = await client.query('select url, form::text from outbox.callback order by id')
    await client.query('truncate outbox.callback')
    return rows.map(row => `${row.url} ${encodeForm(row.form)}`)
  }
}

async function asAdmin(text: string): Promise<void> {
  const admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL ?? '' })
  await admin.connect()
  try {
    await admin.query(text)
  } finally {
    await admin.end()
  }
}
