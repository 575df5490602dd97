/** The library: the examples of docs/start run and have the types that they need; importing it does nothing. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { enqueue, type Form, migrate, type RelayOptions, startRelay } from '../src/index.ts'
import { testDatabase } from './fixtures/database.ts'
import { asRole } from './sql/roles.ts'

/** The blocks of a page of docs/start in this language. */
function blocks(page: string, language: string): string[] {
  const text = readFileSync(new URL(`../docs/start/${page}`, import.meta.url), 'utf8')
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, of, block = '']) => (of === language ? block : []))
}

const [writing = '', relaying = ''] = blocks('producing.md', 'ts')
const [testing = ''] = blocks('testing.md', 'ts')
const run = promisify(execFile)

const { client, url } = await testDatabase(t)
const written = async () =>
  (
    await client.query(
      'select url, form::text as form, ordering_key, dedupe_key, due_at from outbox.callback order by id',
    )
  ).rows

t.beforeEach(() => client.query('truncate outbox.callback'))

await client.query('create table flow_execution (id bigint, status text)')

t.test('the example runs as it stands, on the built package', async t => {
  const file = join(t.testdir({ 'example.mjs': writing }), 'example.mjs')
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

t.test('the types of the built package are those that the examples need', async t => {
  const files = { 'writing.mts': writing, 'relaying.mts': relaying, 'testing.mts': testing }
  const folder = t.testdir(files)
  const tsc = new URL('../node_modules/typescript/bin/tsc', import.meta.url).pathname
  const options = '--noEmit --strict --module nodenext --target es2023 --skipLibCheck --types node'.split(' ')
  await t.resolves(run(process.execPath, [tsc, ...options, ...Object.keys(files).map(name => join(folder, name))]))
})

t.test('the example of a test runs, and passes', async t => {
  const file = join(t.testdir({ 'example.test.mts': testing }), 'example.test.mts')
  const env = { ...process.env, DATABASE_URL: url, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined }
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--test', file], { env })
  t.match(stdout, /^# pass 1$/m)
})

t.test('the SQL that asks what a transaction has written finds it', async t => {
  const results = await client.query(blocks('testing.md', 'sql')[0] ?? '')
  const { rows } = (results as unknown as { command: string; rows: unknown[] }[]).find(
    ({ command }) => command === 'SELECT',
  ) ?? { rows: [] }
  t.same(rows, [{ url: 'https://crm.example/callbacks', code: '2', ordering_key: 'crm, execution 31' }])
  t.same(await written(), [])
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
    message: 'form field "a": expected a JSON value; got NaN',
  })
  for (const number of [2 ** 53, -1e21])
    await t.rejects(write({ a: [1, number] }), {
      name: 'TypeError',
      message: `form field "a": expected a bigint for a whole number beyond ±(2^53 - 1), since it may have lost digits; got ${number}`,
    })
  await t.rejects(enqueue(client, { url: 'ftp://x/' }), { code: '23514', message: /^url has the scheme ftp/ })
  await t.rejects(enqueue(client, { url: 'https://a/' }, { schema: 'a; drop' }), TypeError)
})

t.test('a property that no callback has is refused: a misspelt key would be no order', async t => {
  const misspelt = { url: 'https://crm.example/', orderingkey: 'a' }
  await t.rejects(enqueue(client, misspelt), {
    name: 'TypeError',
    message: /^callback: expected only the properties url, form, orderingKey, .*, traceparent; got "orderingkey"$/,
  })
  t.same(await written(), [])
})

t.test('migrate finds nothing to do where the schema is up to date', async t => {
  t.same(await migrate({ databaseUrl: url }), [])
})

t.test('a relay runs inside a program, without a signal handler, until it is told to stop', async t => {
  const stop = new AbortController()
  const events: string[] = []
  const note = (_: object, event: string) => void events.push(event)
  const log = { debug: note, info: note, warn: note, error: note }
  const handlers = process.listenerCount('SIGTERM')
  const relay = await startRelay({ databaseUrl: url, log, signal: stop.signal, keepDeadMs: Number.POSITIVE_INFINITY })
  t.equal(process.listenerCount('SIGTERM'), handlers)
  stop.abort()
  t.same(await relay.ended, { unrecorded: 0, drained: null })
  t.same(await relay.stop(), { unrecorded: 0, drained: null }, 'a second stop does nothing')
  t.equal(events[0], 'starting')
  t.equal(events.at(-1), 'stopped')
})

t.test('a relay that cannot start says why, and every option that is wrong', async t => {
  await t.rejects(startRelay({ deadlineMs: 1, leaseMss: 5 } as RelayOptions), {
    code: 'RINGBACK_USAGE',
    message: /^startRelay: 2 faults\n.*leaseMss: unknown option.*\n {2}deadlineMs: expected a duration .*; got "1ms"\n/,
  })
  await t.rejects(startRelay({ deadlineMs: '5s' } as unknown as RelayOptions), {
    message: /^startRelay: 1 fault\n {2}deadlineMs: expected a number of milliseconds; got "5s"\n/,
  })
  await t.rejects(startRelay({ databaseUrl: url, schema: 'elsewhere' }), { code: 'RINGBACK_SCHEMA' })
  await t.rejects(startRelay({ databaseUrl: 'postgres://nobody@127.0.0.1:1/x' }), { message: /ECONNREFUSED/ })
})
