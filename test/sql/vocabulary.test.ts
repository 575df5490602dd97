import t from 'tap'
import { encodeForm } from '../../src/delivery/form.ts'
import { testDatabase } from '../fixtures/database.ts'
import { asRole } from './roles.ts'
import { read } from './rows.ts'

const { client } = await testDatabase(t)
const url = 'https://crm.example/callbacks'

/** Calls a function of the vocabulary as a producer; returns the id it answers. */
async function call(name: string, ...values: unknown[]): Promise<string | null> {
  const places = values.map((_, index) => `$${index + 1}`)
  return asRole(client, 'outbox_producer', async () => {
    const { rows } = await client.query<{ id: string | null }>(`select outbox.${name}(${places}) as id`, values)
    return rows[0]?.id ?? null
  })
}

async function formOf(id: string | null): Promise<string> {
  return (await read(client, id ?? '')).form
}

const fieldsOf = (form: string) => Object.entries(JSON.parse(form)).filter(([, value]) => value !== null)

t.test('the ten triggers send the fields and codes of the contract, in its order', async t => {
  const flow = 3
  const run = 44
  const triggers: [name: string, values: unknown[], form: string, body: string][] = [
    ['flow_modified', [flow, 'paused'], '{"status":1,"flowId":3}', 'status=1&flowId=3'],
    ['flow_modified', [flow, 'resumed'], '{"status":2,"flowId":3}', 'status=2&flowId=3'],
    ...Object.entries({ success: 2, error: 3, running: 4, killed: 5, auto_killed: 7 }).map(execution('flow')),
    ...Object.entries({ running: 2, success: 3, error: 4 }).map(execution('job')),
  ]
  t.equal(triggers.length, 10)
  for (const [name, values, form, body] of triggers) {
    const stored = await formOf(await call(name, url, ...values))
    t.same(fieldsOf(stored), Object.entries(JSON.parse(form)), `${name} ${values}`)
    t.equal(encodeForm(stored), body)
  }

  function execution(of: 'flow' | 'job') {
    return ([state, code]: [string, number]): [string, unknown[], string, string] => [
      `${of}_execution_changed`,
      [flow, run, state],
      `{"flowId":3,"flowExecutionId":44,"code":${code}}`,
      `flowId=3&flowExecutionId=44&code=${code}`,
    ]
  }
})

t.test('a message is sent with error, as the last field, and with no other state', async t => {
  for (const name of ['flow_execution_changed', 'job_execution_changed']) {
    const code = name.startsWith('flow') ? 3 : 4
    const failed = await formOf(await call(name, url, 3, 44, 'error', '内存不足\n"OOM" \\u0000'))
    t.same(fieldsOf(failed), [
      ['flowId', 3],
      ['flowExecutionId', 44],
      ['code', code],
      ['message', '内存不足\n"OOM" \\u0000'],
    ])
    t.match(encodeForm(failed), new RegExp(`^flowId=3&flowExecutionId=44&code=${code}&message=%E5%86%85`))
    const succeeded = await formOf(await call(name, url, 3, 44, 'success', 'all well'))
    t.notMatch(encodeForm(succeeded), 'message')
  }
})

t.test('an id of any size goes out with all its digits', async t => {
  const largest = '9223372036854775807'
  t.equal(encodeForm(await formOf(await call('flow_modified', url, largest, 'paused'))), `status=1&flowId=${largest}`)
  const execution = await formOf(await call('job_execution_changed', url, '9007199254740993', largest, 'running'))
  t.equal(encodeForm(execution), `flowId=9007199254740993&flowExecutionId=${largest}&code=2`)
})

t.test('a flow or job without a callback writes nothing and answers null', async t => {
  const count = 'select count(*) as rows from outbox.callback'
  const before = (await client.query(count)).rows[0].rows
  for (const none of [null, '', '  ', '\n']) {
    t.equal(await call('flow_modified', none, 3, 'paused'), null)
    t.equal(await call('flow_execution_changed', none, 3, 44, 'error', 'reason'), null)
    t.equal(await call('job_execution_changed', none, 3, 44, 'running'), null)
  }
  t.equal((await client.query(count)).rows[0].rows, before)
})

t.test('an unknown state is an error that lists the known ones', async t => {
  const known: Record<string, [message: string, hint: string]> = {
    flow_modified: ['change', 'Known: paused, resumed.'],
    flow_execution_changed: ['state', 'Known: success, error, running, killed, auto_killed.'],
    job_execution_changed: ['state', 'Known: running, success, error.'],
  }
  for (const [name, [what, hint]] of Object.entries(known)) {
    const ids = name === 'flow_modified' ? [3] : [3, 44]
    for (const state of ['bogus', 'SUCCESS', '', null]) {
      const message = `${what} ${state === null ? 'NULL' : `'${state}'`} is not known`
      await t.rejects(call(name, url, ...ids, state), { code: '22023', message, hint }, `${name} ${state}`)
    }
  }
  await t.rejects(call('job_execution_changed', url, 3, 44, 'killed'), { code: '22023' })
})

t.test('an id that is missing is an error that names it', async t => {
  await t.rejects(call('flow_modified', url, null, 'paused'), { code: '22004', message: 'flow_id is NULL' })
  for (const name of ['flow_execution_changed', 'job_execution_changed']) {
    await t.rejects(call(name, url, null, 44, 'success'), { code: '22004', message: 'flow_id is NULL' })
    await t.rejects(call(name, url, 3, null, 'success'), { code: '22004', message: 'flow_execution_id is NULL' })
  }
})

t.test('a bad url is refused with its fault', async t => {
  await t.rejects(call('flow_modified', 'crm.example', 3, 'paused'), { code: '23514', message: /^url is not absolute/ })
})

t.test('a message that fits is whole; one that does not is cut and says so', async t => {
  const whole = '流'.repeat(21_000)
  t.equal(JSON.parse(await formOf(await call('flow_execution_changed', url, 3, 44, 'error', whole))).message, whole)
  for (const piece of ['x', '流', '😀', '\u0001', '"']) {
    const id = await call('job_execution_changed', url, 3, 44, 'error', piece.repeat(70_000))
    const { message } = JSON.parse(await formOf(id))
    t.equal(message, `${piece.repeat(10_000)}... [cut, had 70000 characters]`, JSON.stringify(piece))
  }
})

t.test('modifications are ordered by flow, executions by flow execution, each together with the url', async t => {
  const keyOf = async (id: string | null) => (await read(client, id ?? '')).ordering_key
  t.equal(await keyOf(await call('flow_modified', url, 3, 'paused')), `flow 3 ${url}`)
  const flow = await keyOf(await call('flow_execution_changed', url, 3, 44, 'running'))
  const job = await keyOf(await call('job_execution_changed', url, 3, 44, 'running'))
  t.equal(flow, `flow execution 44 ${url}`)
  t.equal(job, flow)
  const other = await keyOf(await call('job_execution_changed', 'https://other.example/', 3, 44, 'running'))
  t.not(other, job)
})

t.test('a url too long for the key still gives one key for each url', async t => {
  const long = `${url}/${'x'.repeat(2000)}`
  const keyOf = async (at: string) =>
    (await read(client, (await call('flow_modified', at, 3, 'paused')) ?? '')).ordering_key
  const key = await keyOf(long)
  t.ok(Buffer.byteLength(key ?? '') <= 512)
  t.equal(await keyOf(long), key)
  t.not(await keyOf(`${long}y`), key)
})

t.test('a rolled back transaction leaves no callback', async t => {
  await client.query('begin')
  const { rows } = await client.query(`select outbox.flow_modified($1, 3, 'paused') as id`, [url])
  await client.query('rollback')
  await t.rejects(read(client, rows[0].id))
})
