import { randomBytes } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { encodeForm } from '../../src/delivery/form.ts'
import { testDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { asRole, sqlFile } from './roles.ts'

const login = `scheduler_${randomBytes(4).toString('hex')}`
await asAdmin(`create role ${login} nologin; grant outbox_producer to ${login}`)
// Registered first, done last: when the database that refers to the role is gone.
t.teardown(() => asAdmin(`drop role ${login}`))
const { client, connect, name } = await testDatabase(t)

// The scheduler itself makes its tables and triggers: it may create a schema, and is an outbox_producer, and nothing else.
await client.query(`grant create on database ${name} to ${login}`)
await asRole(client, login, async () => client.query(await sqlFile('examples/thain.sql')))

const flowUrl = 'https://crm.example/flow'
const changeUrl = 'https://crm.example/modified'
const jobUrl = 'https://crm.example/job'
const codes = {
  flow: { waiting: 1, success: 2, error: 3, running: 4, killed: 5, paused: 6, auto_killed: 7 },
  job: { waiting: 1, running: 2, success: 3, error: 4 },
}

interface Ids {
  readonly flow: string
  readonly run: string
  readonly job: string
  readonly jobRun: string
}

/** A flow that waits to run, with one job. */
async function flow(
  urls: { flow: string; modified: string; job: string } = { flow: flowUrl, modified: changeUrl, job: jobUrl },
): Promise<Ids> {
  const one = async (text: string, values: unknown[]) => {
    const { rows } = await client.query<{ id: string }>(`insert into scheduler.${text} returning id`, values)
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
function scheduler(text: string, values: unknown[], session: pg.Client = client): Promise<unknown> {
  return asRole(session, login, () => session.query(text, values))
}

const setFlowRun = (id: string, status: number, message: string | null = null) =>
  scheduler('update scheduler.flow_execution set status = $2, error_message = $3 where id = $1', [id, status, message])
const setJobRun = (id: string, status: number, message: string | null = null) =>
  scheduler('update scheduler.job_execution set status = $2, error_message = $3 where id = $1', [id, status, message])
const setScheduling = (id: string, status: number) =>
  scheduler('update scheduler.flow set scheduling_status = $2 where id = $1', [id, status])

/** Takes the callbacks written so far, in order: `url body`. */
async function written(): Promise<string[]> {
  const { rows } = await client.query('select url, form::text from outbox.callback order by id')
  await client.query('truncate outbox.callback')
  return rows.map(row => `${row.url} ${encodeForm(row.form)}`)
}

t.test('making and queueing flows and jobs is no callback', async t => {
  await flow()
  t.same(await written(), [])
})

t.test('a flow that is paused and resumed writes both callbacks', async t => {
  const { flow: id } = await flow()
  await setScheduling(id, 2)
  await setScheduling(id, 1)
  t.same(await written(), [`${changeUrl} status=1&flowId=${id}`, `${changeUrl} status=2&flowId=${id}`])
})

t.test('a schedule that is set or taken away is neither', async t => {
  const { flow: id } = await flow()
  await setScheduling(id, 3)
  await setScheduling(id, 1)
  t.same(await written(), [])
})

t.test('each status of a flow execution writes its callback, in order', async t => {
  const { flow: id, run } = await flow()
  const { running, error, killed, auto_killed, success, waiting, paused } = codes.flow
  for (const status of [running, paused, killed, waiting, auto_killed, success]) await setFlowRun(run, status)
  await setFlowRun(run, error, 'out of memory')
  const ids = `flowId=${id}&flowExecutionId=${run}`
  t.same(await written(), [
    `${flowUrl} ${ids}&code=4`,
    `${flowUrl} ${ids}&code=5`,
    `${flowUrl} ${ids}&code=7`,
    `${flowUrl} ${ids}&code=2`,
    `${flowUrl} ${ids}&code=3&message=out+of+memory`,
  ])
})

t.test('each status of a job execution writes its callback, in order', async t => {
  const { flow: id, run, jobRun } = await flow()
  await setJobRun(jobRun, codes.job.running)
  await setJobRun(jobRun, codes.job.error, 'exit code 1')
  await setJobRun(jobRun, codes.job.waiting)
  await setJobRun(jobRun, codes.job.success)
  const ids = `flowId=${id}&flowExecutionId=${run}`
  t.same(await written(), [
    `${jobUrl} ${ids}&code=2`,
    `${jobUrl} ${ids}&code=4&message=exit+code+1`,
    `${jobUrl} ${ids}&code=3`,
  ])
})

t.test('an execution that starts when it is inserted writes its callback', async t => {
  const ids = await flow()
  await scheduler('insert into scheduler.flow_execution (id, flow_id, status) values (1000, $1, 4)', [ids.flow])
  await scheduler('insert into scheduler.job_execution (flow_execution_id, job_id, status) values (1000, $1, 2)', [
    ids.job,
  ])
  t.same(await written(), [
    `${flowUrl} flowId=${ids.flow}&flowExecutionId=1000&code=4`,
    `${jobUrl} flowId=${ids.flow}&flowExecutionId=1000&code=2`,
  ])
})

t.test('a status that did not change writes nothing', async t => {
  const { flow: id, run, jobRun } = await flow()
  await setScheduling(id, 2)
  await setFlowRun(run, codes.flow.error)
  await setJobRun(jobRun, codes.job.error)
  t.equal((await written()).length, 3)
  await setScheduling(id, 2)
  await setFlowRun(run, codes.flow.error, 'the reason, found later')
  await setJobRun(jobRun, codes.job.error, 'the reason, found later')
  await scheduler('update scheduler.flow set name = $2 where id = $1', [id, 'weekly'])
  t.same(await written(), [])
})

t.test('a transaction that is rolled back writes nothing', async t => {
  const { flow: id, run, jobRun } = await flow()
  await client.query('begin')
  await client.query('update scheduler.flow set scheduling_status = 2 where id = $1', [id])
  await client.query('update scheduler.flow_execution set status = 4 where id = $1', [run])
  await client.query('update scheduler.job_execution set status = 2 where id = $1', [jobRun])
  t.equal((await client.query('select from outbox.callback')).rowCount, 3)
  await client.query('rollback')
  t.same(await written(), [])
})

t.test('a flow or job without a url writes nothing', async t => {
  const { flow: id, run, jobRun } = await flow({ flow: '', modified: '', job: ' ' })
  await setScheduling(id, 2)
  await setFlowRun(run, codes.flow.running)
  await setJobRun(jobRun, codes.job.running)
  t.same(await written(), [])
})

t.test('the scheduler reads and changes nothing in the outbox', async t => {
  await t.rejects(scheduler('select from outbox.callback', []), { code: '42501' })
  await t.rejects(scheduler(`update outbox.callback set status = 'cancelled'`, []), { code: '42501' })
})

t.test('two transactions that overlap on jobs of one flow execution keep the order of their commits', async t => {
  const ids = await flow()
  const { rows } = await client.query(
    'insert into scheduler.job_execution (flow_execution_id, job_id) values ($1, $2) returning id',
    [ids.run, ids.job],
  )
  const [first, second] = [await connect(), await connect()]
  const end = 'update scheduler.job_execution set status = $2 where id = $1'
  await first.query('begin')
  await second.query('begin')
  await first.query(end, [ids.jobRun, codes.job.success])
  const waiting = second
    .query(`${end} returning pg_backend_pid()`, [rows[0].id, codes.job.running])
    .then(() => second.query('commit'))
  await eventually(async () => {
    const blocked = await client.query(`select from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'`, [
      name,
    ])
    if (blocked.rowCount !== 1) throw new Error('the second transaction does not wait')
  })
  // Nor is it in the way of new job executions of the same flow execution.
  await client.query('insert into scheduler.job_execution (flow_execution_id, job_id) values ($1, $2)', [
    ids.run,
    ids.job,
  ])
  await first.query(end, [ids.jobRun, codes.job.error])
  await first.query('commit')
  await waiting
  const prefix = `${jobUrl} flowId=${ids.flow}&flowExecutionId=${ids.run}`
  t.same(await written(), [`${prefix}&code=3`, `${prefix}&code=4`, `${prefix}&code=2`])
})

t.test('jobs without a callback do not wait for one another', async t => {
  const ids = await flow({ flow: '', modified: '', job: '' })
  const other = await connect()
  await other.query('begin')
  await other.query('select from scheduler.flow_execution where id = $1 for update', [ids.run])
  await client.query(`set statement_timeout = '5s'`)
  await t.resolves(setJobRun(ids.jobRun, codes.job.running))
  await client.query('reset statement_timeout')
  await other.query('rollback')
})

async function asAdmin(text: string): Promise<void> {
  const admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL ?? '' })
  await admin.connect()
  try {
    await admin.query(text)
  } finally {
    await admin.end()
  }
}
