import t from 'tap'
import { sqlFile } from './roles.ts'
import { changeUrl, codes, flowUrl, type Ids, Scheduler } from './scheduler.ts'

const scheduler = await Scheduler.open(t)
const { client, connect } = scheduler.database

const badUrls: readonly (readonly [url: string, fault: RegExp])[] = [
  ['crm.example/flow', /url is not absolute: crm\.example\/flow$/],
  ['ftp://crm.example/flow', /url has the scheme ftp: /],
  ['https://crm.example/flow#top', /url has a fragment: /],
  ['https://me:secret@crm.example/flow', /url carries user:password before the host crm\.example$/],
  ['https://crm.example/a flow', /url has a space or control character: /],
  ['https://crm.example/fl\u00f6w', /url has a character outside ASCII/],
]

interface Notice {
  readonly code?: string | undefined
  readonly severity?: string | undefined
  readonly message?: string | undefined
  readonly hint?: string | undefined
}

/** A flow whose urls were entered before anything checked them. */
async function oldFlow(url: string): Promise<Ids> {
  for (const table of ['flow', 'job'])
    await client.query(`alter table scheduler.${table} disable trigger refuse_bad_url`)
  try {
    return await scheduler.flow({ flow: url, modified: url, job: url })
  } finally {
    for (const table of ['flow', 'job'])
      await client.query(`alter table scheduler.${table} enable trigger refuse_bad_url`)
  }
}

t.test('a bad url is refused where it is entered, and the error says what is wrong with it', async t => {
  const { flow: id, job } = await scheduler.flow()
  for (const [url, fault] of badUrls) {
    const refused = { code: '23514', message: fault, hint: /absolute http: or https: URL/ }
    await t.rejects(
      scheduler.change('insert into scheduler.flow (name, callback_url) values ($1, $2)', ['n', url]),
      refused,
    )
    await t.rejects(scheduler.change('update scheduler.flow set callback_url = $2 where id = $1', [id, url]), refused)
    await t.rejects(scheduler.change('update scheduler.flow set modify_callback_url = $2 where id = $1', [id, url]), {
      ...refused,
      message: new RegExp(`^modify_callback_url of flow ${id}: ${fault.source}`),
    })
    await t.rejects(scheduler.change('update scheduler.job set callback_url = $2 where id = $1', [job, url]), refused)
  }
  for (const url of ['', ' ', flowUrl]) {
    await t.resolves(scheduler.change('update scheduler.flow set callback_url = $2 where id = $1', [id, url]))
  }
})

t.test('a bad url that was there before stops no change of status; it is warned of, without its password', async t => {
  const warnings: Notice[] = []
  const hear = ({ code, severity, message, hint }: Notice) => {
    if (code === '01000') warnings.push({ severity, message, hint })
  }
  client.on('notice', hear)
  for (const [url, fault] of badUrls) {
    const ids = await oldFlow(url)
    warnings.length = 0
    await scheduler.setScheduling(ids.flow, 2)
    await scheduler.setFlowRun(ids.run, codes.flow.running)
    await scheduler.setJobRun(ids.jobRun, codes.job.error, 'exit code 1')
    const places = [
      `modify_callback_url of flow ${ids.flow}`,
      `callback_url of flow ${ids.flow}`,
      `callback_url of job ${ids.job}`,
    ]
    t.match(
      warnings,
      places.map(place => ({ severity: 'WARNING', message: new RegExp(`, ${place}: ${fault.source}`), hint: /^Set / })),
    )
    t.equal(warnings.length, 3)
    t.notMatch(JSON.stringify(warnings), /secret/)
    const { rows } = await client.query(
      `select f.scheduling_status as flow, r.status as run, j.status as job from scheduler.flow f
         join scheduler.flow_execution r on r.flow_id = f.id join scheduler.job_execution j on j.flow_execution_id = r.id where f.id = $1`,
      [ids.flow],
    )
    t.same(rows, [{ flow: 2, run: codes.flow.running, job: codes.job.error }])
  }
  client.off('notice', hear)
  t.same(await scheduler.written(), [])
})

t.test('a scheduler that writes whole rows is not stopped by an old bad url; once mended, it is told', async t => {
  const { flow: id } = await oldFlow('crm.example/flow')
  const whole =
    'update scheduler.flow set callback_url = $2, modify_callback_url = $3, scheduling_status = $4 where id = $1'
  await scheduler.change(whole, [id, 'crm.example/flow', 'crm.example/flow', 2])
  await scheduler.change(whole, [id, 'crm.example/flow', changeUrl, 1])
  t.same(await scheduler.written(), [`${changeUrl} status=2&flowId=${id}`])
})

t.test('an error that is not of the url is not swallowed', async t => {
  const { run } = await scheduler.flow()
  await client.query(
    `alter table outbox.callback add constraint no_more check (form::text !~ 'flowExecutionId') not valid`,
  )
  await t.rejects(scheduler.setFlowRun(run, codes.flow.running), { code: '23514', constraint: 'no_more' })
  await client.query('alter table outbox.callback drop constraint no_more')
})

t.test('the query of the header lists the bad urls before any trigger is there', async t => {
  const example = await sqlFile('examples/thain.sql')
  const query = example.match(/^-- {3}SELECT[^;]*;/m)?.[0].replace(/^--/gm, '') ?? ''
  const firstTrigger = example.indexOf('create or replace trigger')
  const other = await connect()
  await other.query('begin; drop schema scheduler cascade')
  await other.query(example.slice(0, firstTrigger))
  await other.query(
    `insert into scheduler.flow (name, callback_url, modify_callback_url) values ('a', '${flowUrl}', ''), ('b', 'crm', 'http://a/#b')`,
  )
  await other.query(
    `insert into scheduler.job (flow_id, name, callback_url) values (1, 'a', ' '), (2, 'b', 'http://a b')`,
  )
  const { rows } = await other.query(query)
  t.match(rows, [
    { place: 'flow.callback_url', id: '2', fault: 'url is not absolute: crm' },
    { place: 'flow.modify_callback_url', id: '2', fault: 'url has a fragment: http://a/#b' },
    { place: 'job.callback_url', id: '2', fault: /^url has a space/ },
  ])
  t.equal(rows.length, 3)
  await other.query('rollback')
})
