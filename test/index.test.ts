/** The library: the example of docs/start/producing.md runs and has the types that it needs; importing it does nothing. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { enqueue, type Form, migrate } from '../src/index.ts'
import { testDatabase } from './fixtures/database.ts'
import { asRole } from './sql/roles.ts'

const page = readFileSync(new URL('../docs/start/producing.md', import.meta.url), 'utf8')
const example = page.match(/^```ts\n(.*?'ringback'.*?)^```$/ms)?.[1] ?? ''
const run = promisify(execFile)

const { client, url } = await testDatabase(t)
const written = async () =>
  (
    await client.query(
      'select url, form::text as form, ordering_key, dedupe_key, due_at from outbox.callback order by id',
    )
  ).rows

t.beforeEach(() => client.query('truncate outbox.callback'))

t.test('the example runs as it stands, on the built package', async t => {
  await client.query('create table flow_execution (id bigint, status text)')
  const file = join(t.testdir({ 'example.mjs': example }), 'example.mjs')
  const { stdout, stderr } = await run(process.execPath, [file], { env: { ...process.env, DATABASE_URL: url } })
  t.match(stdout, /^\d+ [0-9a-f-]{36}\n$/)
  t.equal(stderr, '')
  t.match(await written(), [
    {
      url: 'https://crm.example/callbacks',
      form: '{"flowId":9007199254740993,"code":2,"tags":["a","b"],"note":"失败 💥"}',
      ordering_key: 'crm, execution 31',
    },
  ])
})

t.test('the types of the built package are those that the example needs', async t => {
  const file = join(t.testdir({ 'example.mts': example }), 'example.mts')
  const tsc = new URL('../node_modules/typescript/bin/tsc', import.meta.url).pathname
  const options = '--noEmit --strict --module nodenext --target es2023 --skipLibCheck --types node'.split(' ')
  await t.resolves(run(process.execPath, [tsc, ...options, file]))
})

t.test('importing it says nothing, starts nothing, and handles no signal', async t => {
  const script = `import('ringback').then(() => console.log(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')))`
  t.same(await run(process.execPath, ['-e', script]), { stdout: '0\n', stderr: '' })
})

t.test('a callback is written with its transaction, by a producer, and not twice with one dedupeKey', async t => {
  const callback = { url: 'https://crm.example/', dedupeKey: 'once', dueAt: new Date('2030-01-01T00:00:00Z') }
  await asRole(client, 'outbox_producer', async () => {
    await client.query('begin')
    t.match(await enqueue(client, callback), { id: /^\d+$/, messageId: /^[0-9a-f-]{36}$/ })
    await client.query('rollback')
    t.not(await enqueue(client, callback), null)
    t.equal(await enqueue(client, callback), null)
  })
  t.match(await written(), [{ dedupe_key: 'once', form: '{}', due_at: callback.dueAt }])
})

t.test('null and undefined leave a field out; what JSON cannot hold is refused', async t => {
  await enqueue(client, { url: 'https://crm.example/', form: { a: null, b: undefined, c: [1, 2n, true, 'x"'] } })
  t.match(await written(), [{ form: '{"c":[1,2,true,"x\\""]}' }])
  const write = (form: Form) => enqueue(client, { url: 'https://crm.example/', form })
  await t.rejects(write({ a: Number.NaN }), {
    name: 'TypeError',
    message: 'form field "a": expected a value of JSON; got NaN',
  })
  await t.rejects(enqueue(client, { url: 'ftp://x/' }), { code: '23514', message: /^url has the scheme ftp/ })
  await t.rejects(enqueue(client, { url: 'https://a/' }, { schema: 'a; drop' }), TypeError)
})

t.test('migrate finds nothing to do where the schema is up to date', async t => {
  t.same(await migrate({ databaseUrl: url }), [])
})
