import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { changeUrl, codes, flowUrl, jobUrl, Scheduler } from './scheduler.ts'

const scheduler = await Scheduler.open(t)
const { client, connect, name } = scheduler.database

t.test('making and queueing flows and jobs is no callback', async t => {
  await scheduler.flow()
  t.same(await scheduler.written(), [])
})

t.test('a flow that is paused and resumed writes both callbacks', async t => {
  const { flow: id } = await scheduler.flow()
  await scheduler.setScheduling(id, 2)
  await scheduler.setScheduling(id, 1)
  t.same(await scheduler.written(), [`${changeUrl} status=1&flowId=${id}`, `${changeUrl} status=2&flowId=${id}`])
})

t.test('a schedule that is set or taken away is neither', async t => {
  const { flow: id } = await scheduler.flow()
  await scheduler.setScheduling(id, 3)
  await scheduler.setScheduling(id, 1)
  t.same(await scheduler.written(), [])
})

t.test('each status of a flow execution writes its callback, in order', async t => {
  const { flow: id, run } = await scheduler.flow()
  const { running, error, killed, auto_killed, success, waiting, paused } = codes.flow
  for (const status of [running, paused, killed, waiting, auto_killed, success]) await scheduler.setFlowRun(run, status)
  await scheduler.setFlowRun(run, error, 'out of memory')
  const ids = `flowId=${id}&flowExecutionId=${run}`
  t.same(await scheduler.written(), [
    `${flowUrl} ${ids}&code=4`,
    `${flowUrl} ${ids}&code=5`,
    `${flowUrl} ${ids}&code=7`,
    `${flowUrl} ${ids}&code=2`,
    `${flowUrl} ${ids}&code=3&message=out+of+memory`,
  ])
})

t.test('each status of a job execution writes its callback, in order', async t => {
  const { flow: id, run, jobRun } = await scheduler.flow()
  await scheduler.setJobRun(jobRun, codes.job.running)
  await scheduler.setJobRun(jobRun, codes.job.error, 'exit code 1')
  await scheduler.setJobRun(jobRun, codes.job.waiting)
  await scheduler.setJobRun(jobRun, codes.job.success)
  const ids = `flowId=${id}&flowExecutionId=${run}`
  t.same(await scheduler.written(), [
    `${jobUrl} ${ids}&code=2`,
    `${jobUrl} ${ids}&code=4&message=exit+code+1`,
    `${jobUrl} ${ids}&code=3`,
  ])
})

t.test('an execution that starts when it is inserted writes its callback', async t => {
  const ids = await scheduler.flow()
  await scheduler.change('insert into scheduler.flow_execution (id, flow_id, status) values (1000, $1, 4)', [ids.flow])
  await scheduler.change(
    'insert into scheduler.job_execution (flow_execution_id, job_id, status) values (1000, $1, 2)',
    [ids.job],
  )
  t.same(await scheduler.written(), [
    `${flowUrl} flowId=${ids.flow}&flowExecutionId=1000&code=4`,
    `${jobUrl} flowId=${ids.flow}&flowExecutionId=1000&code=2`,
  ])
})

t.test('a status that did not change writes nothing', async t => {
  const { flow: id, run, jobRun } = await scheduler.flow()
  await scheduler.setScheduling(id, 2)
  await scheduler.setFlowRun(run, codes.flow.error)
  await scheduler.setJobRun(jobRun, codes.job.error)
  t.equal((await scheduler.written()).length, 3)
  await scheduler.setScheduling(id, 2)
  await scheduler.setFlowRun(run, codes.flow.error, 'the reason, found later')
  await scheduler.setJobRun(jobRun, codes.job.error, 'the reason, found later')
  await scheduler.change('update scheduler.flow set name = $2 where id = $1', [id, 'weekly'])
  t.same(await scheduler.written(), [])
})

t.test('a transaction that is rolled back writes nothing', async t => {
  const { flow: id, run, jobRun } = await scheduler.flow()
  await client.query('begin')
  await client.query('update scheduler.flow set scheduling_status = 2 where id = $1', [id])
  await client.query('update scheduler.flow_execution set status = 4 where id = $1', [run])
  await client.query('update scheduler.job_execution set status = 2 where id = $1', [jobRun])
  t.equal((await client.query('select from outbox.callback')).rowCount, 3)
  await client.query('rollback')
  t.same(await scheduler.written(), [])
})

t.test('a flow or job without a url writes nothing', async t => {
  const { flow: id, run, jobRun } = await scheduler.flow({ flow: '', modified: '', job: ' ' })
  await scheduler.setScheduling(id, 2)
  await scheduler.setFlowRun(run, codes.flow.running)
  await scheduler.setJobRun(jobRun, codes.job.running)
  t.same(await scheduler.written(), [])
})

t.test('the scheduler reads no content and changes nothing in the outbox', async t => {
  await t.rejects(scheduler.change('select url from outbox.callback', []), { code: '42501' })
  await t.rejects(scheduler.change(`update outbox.callback set status = 'cancelled'`, []), { code: '42501' })
})

t.test('two transactions that overlap on jobs of one flow execution keep the order of their commits', async t => {
  const ids = await scheduler.flow()
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
  t.same(await scheduler.written(), [`${prefix}&code=3`, `${prefix}&code=4`, `${prefix}&code=2`])
})

t.test('jobs without a callback do not wait for one another', async t => {
  const ids = await scheduler.flow({ flow: '', modified: '', job: '' })
  const other = await connect()
  await other.query('begin')
  await other.query('select from scheduler.flow_execution where id = $1 for update', [ids.run])
  await client.query(`set statement_timeout = '5s'`)
  await t.resolves(scheduler.setJobRun(ids.jobRun, codes.job.running))
  await client.query('reset statement_timeout')
  await other.query('rollback')
})
