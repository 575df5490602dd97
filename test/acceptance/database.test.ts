import assert from 'node:assert/strict'
import pg from 'pg'
import t from 'tap'
import { migrate } from '../../src/outbox/migrate.ts'
import { leaseCheckMs } from '../../src/policy/tuning.ts'
import { testDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { FaultProxy } from '../fixtures/fault-proxy.ts'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { type LogLine, relayProcess } from '../fixtures/relay-process.ts'
import { Stage } from '../fixtures/stage.ts'

t.test(
  'the database is stopped for a while: the relay survives, says so in a handful of lines, and goes on',
  async t => {
    const server = await embeddedPostgres({ settings: { fsync: 'off' } })
    t.teardown(() => server.remove())
    await migrate({ connectionString: server.url }, { schema: 'outbox', wake: 'keep' })
    const receiver = await Receiver.start()
    t.teardown(() => receiver.close())
    const options = { name: 'relay', 'log-level': 'info', allow: '127.0.0.1' }
    const relay = relayProcess(t, { databaseUrl: server.url, options })
    await relay.until('registered')
    await insert(server.url, receiver.url('/before'))
    await receiver.until(arrivals => arrivals.length === 1)
    await server.stop('immediate')
    await relay.until('database_away')
    const lines = relay.logs.length
    await server.start()
    const backAt = Date.now()
    await insert(server.url, receiver.url('/after'))
    const arrivals = await receiver.until(arrivals => arrivals.length === 2)
    t.comment(`went on ${(arrivals[1]?.at ?? 0) - backAt} ms after the server was back`)
    await relay.until('database_back')
    const { length } = relay.logs.filter(({ event }) => event !== 'attempt')
    t.ok(length - lines <= 6, `${length - lines} lines of an outage`)
    relay.kill('SIGTERM')
    t.same(await relay.exited, { code: 0, signal: null })
  },
)

t.test('a POST goes on while the server restarts and its relay registers anew, which takes a while', async t => {
  const server = await embeddedPostgres({ settings: { fsync: 'off' } })
  t.teardown(() => server.remove())
  await migrate({ connectionString: server.url }, { schema: 'outbox', wake: 'keep' })
  const receiver = await Receiver.start()
  t.teardown(() => receiver.close())
  let answer = () => {}
  const answered = new Promise<number>(resolve => {
    answer = () => resolve(200)
  })
  receiver.answer = () => answered
  const proxy = await FaultProxy.start(server.url)
  t.teardown(() => proxy.close())
  const options = { 'log-level': 'debug', allow: '127.0.0.1', deadline: '40s', lease: '60s' }
  const start = (name: string) => relayProcess(t, { databaseUrl: proxy.via(server.url), options: { ...options, name } })
  const relays = [start('one'), start('other')]
  for (const relay of relays) await relay.until('registered')
  await insert(server.url, receiver.url('/'))
  await receiver.until(arrivals => arrivals.length === 1)
  // To register and to renew takes twice as long as the time between two checks of the lease.
  proxy.latency(leaseCheckMs / 2)
  await server.stop()
  await server.start()
  for (const relay of relays) await relay.until('database_back', () => true, 30_000)
  proxy.heal()
  answer()
  const isDelivered = ({ outcome }: LogLine) => outcome === 'delivered'
  t.match(await Promise.race(relays.map(relay => relay.until('attempt', isDelivered))), { attempt: 1 })
  for (const relay of relays) {
    t.ok(relay.logs.some(({ event }) => event === 'registration_lost'))
    relay.kill('SIGTERM')
    t.same(await relay.exited, { code: 0, signal: null })
  }
  const attempts = relays.flatMap(({ logs }) => logs.filter(({ event }) => event === 'attempt'))
  t.match(attempts, [{ attempt: 1, outcome: 'delivered' }])
  t.equal(receiver.arrivals.length, 1)
})

t.test('a relay that is told to stop while it still connects stops, and has touched nothing', async t => {
  const database = await testDatabase(t)
  const proxy = await FaultProxy.start(database.url)
  t.teardown(() => proxy.close())
  proxy.latency(300)
  await database.client.query(`insert into outbox.callback (url, max_attempts) values ('http://127.0.0.1:9/', 1)`)
  const relay = relayProcess(t, {
    databaseUrl: proxy.via(database.url),
    options: { name: 'relay', allow: '127.0.0.1' },
  })
  await relay.until('starting')
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
  const { rows } = await database.client.query('select status, attempts from outbox.callback')
  t.same(rows, [{ status: 'pending', attempts: 0 }])
})

async function insert(connectionString: string, url: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query('insert into outbox.callback (url) values ($1)', [url])
  await client.end()
}

const sessions = `select pid, application_name as name from pg_stat_activity where datname = current_database() and application_name like 'ringback %'`

t.test('the relay uses five connections, and no transaction is open while it waits for a receiver', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = () => 'hang'
  await stage.relay()
  await stage.send({})
  await stage.receiver.until(arrivals => arrivals.length === 1)
  const { rows } = await stage.client.query(`${sessions} order by 2`)
  t.same(
    rows.map(({ name }) => name.replace(/ \d+ /, ' EPOCH ')),
    [
      'ringback claim EPOCH relay',
      'ringback keep relay',
      'ringback listen relay',
      'ringback read EPOCH relay',
      'ringback record relay',
    ],
  )
  const open = await stage.client.query(`${sessions} and xact_start < clock_timestamp() - interval '200 ms'`)
  t.same(open.rows, [])
})

t.test('a cut listener is replaced, and nothing is lost meanwhile', async t => {
  const stage = await Stage.open(t)
  await stage.relay()
  const listener = async () =>
    (await stage.client.query<{ pid: number }>(`${sessions} and application_name like 'ringback listen %'`)).rows[0]
      ?.pid
  const old = await eventually(async () => {
    const pid = await listener()
    assert(pid)
    return pid
  })
  await stage.client.query('select pg_terminate_backend($1)', [old])
  await stage.becomes(await stage.send({ n: 1 }), 'delivered')
  await eventually(async () => {
    const pid = await listener()
    assert(pid !== undefined && pid !== old)
  })
})

t.test('any of its sessions may be ended, again and again, and the relay goes on', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay()
  for (const purpose of ['claim', 'record', 'read', 'keep', '%']) {
    await stage.client.query(
      `select pg_terminate_backend(pid) from (${sessions} and application_name like 'ringback ${purpose} %') s`,
    )
    await stage.becomes(await stage.send({ purpose }, { key: 'k' }), 'delivered')
  }
  t.equal(stage.receiver.arrivals.length, 5)
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
})

t.test('without the trigger the poll finds the rows', async t => {
  const stage = await Stage.open(t)
  await migrate({ connectionString: stage.database.url }, { schema: 'outbox', wake: 'poll' })
  await stage.relay({ poll: '200ms' })
  await stage.becomes(await stage.send({}), 'delivered')
  t.equal((await stage.client.query(`${sessions} and application_name like 'ringback listen %'`)).rowCount, 0)
})

t.test('a missing schema is exit code 3, with what to run', async t => {
  const stage = await Stage.open(t)
  const relay = stage.start({ schema: 'elsewhere' })
  t.same(await relay.exited, { code: 3, signal: null })
})

t.test('another schema has its own channel, relays and roles', async t => {
  const stage = await Stage.open(t)
  await migrate({ connectionString: stage.database.url }, { schema: 'x9_outbox_y', wake: 'keep' })
  await stage.relay({ schema: 'x9_outbox_y' })
  await stage.client.query('insert into x9_outbox_y.callback (url) values ($1)', [stage.receiver.url('/second')])
  await stage.receiver.until(arrivals => arrivals.length === 1)
  await eventually(async () => {
    const { rows } = await stage.client.query('select status from x9_outbox_y.callback')
    assert.deepEqual(rows, [{ status: 'delivered' }])
  })
})

t.test('the relay runs with no more than the rights of its role', async t => {
  const stage = await Stage.open(t)
  const role = `ringback_test_relay_${process.pid}`
  await stage.client.query(`create role ${role} login password 'x' in role outbox_relay`)
  t.teardown(async () => {
    const admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL })
    await admin.connect()
    await admin.query(`drop role ${role}`)
    await admin.end()
  })
  const url = new URL(stage.database.url)
  url.username = role
  url.password = 'x'
  const relay = await stage.relay({}, { env: { DATABASE_URL: url.href } })
  let failures = 1
  stage.receiver.answer = () => (failures-- > 0 ? 500 : 200)
  await stage.becomes(await stage.send({}, { key: 'k' }), 'delivered')
  await stage.becomes(await stage.send({}, { expires_at: new Date(0) }), 'dead')
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
  t.same(
    relay.logs.filter(({ level }) => level === 'error'),
    [],
  )
})
