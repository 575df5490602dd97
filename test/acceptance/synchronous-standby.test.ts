import assert from 'node:assert/strict'
import pg from 'pg'
import t from 'tap'
import { Listener } from '../../src/outbox/listener.ts'
import { migrate } from '../../src/outbox/migrate.ts'
import { type Backend, Session } from '../../src/outbox/session.ts'
import { Sessions } from '../../src/outbox/sessions.ts'
import { WakeLock } from '../../src/outbox/wake-lock.ts'
import { eventually } from '../fixtures/eventually.ts'
import { mostSessions } from '../fixtures/most-sessions.ts'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { relayProcess } from '../fixtures/relay-process.ts'

const server = await embeddedPostgres({ settings: { fsync: 'off' } })
t.teardown(() => server.remove())
await migrate({ connectionString: server.url }, { schema: 'outbox', wake: 'keep' })
const client = new pg.Client({ connectionString: server.url, options: '-c synchronous_commit=local' })
await client.connect()
t.teardown(() => client.end())

async function standbys(names: string): Promise<void> {
  await client.query(`alter system set synchronous_standby_names = '${names}'`)
  await client.query('select pg_reload_conf()')
  await eventually(async () => {
    const { rows } = await client.query('show synchronous_standby_names')
    assert.equal(rows[0].synchronous_standby_names, names)
  })
  if (names !== '') await eventually(commitsWait)
}

/** The checkpointer, which decides it, may read its settings later than others. */
async function commitsWait(): Promise<void> {
  const probe = new pg.Client({ connectionString: server.url, application_name: 'probe' })
  probe.on('error', () => {})
  await probe.connect()
  let isWritten = false
  const written = probe.query('create table probe (); drop table probe').then(
    () => {
      isWritten = true
    },
    () => {},
  )
  await eventually(async () => assert.ok(isWritten || (await waiting()) > 0))
  await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'probe'`)
  await written
  assert.ok(!isWritten, 'it did not wait')
  await untilWaiting(0)
}

async function waiting(): Promise<number> {
  const { rows } = await client.query(
    `select count(*)::integer as count from pg_stat_activity where wait_event = 'SyncRep'`,
  )
  return rows[0].count
}

/** Resolves when so many commits wait. */
async function untilWaiting(count: number): Promise<void> {
  await eventually(async () => assert.equal(await waiting(), count))
}

t.test('commits that wait for a synchronous standby: waited for, named, and all flows when it is back', async t => {
  const receiver = await Receiver.start()
  t.teardown(() => receiver.close())
  const relay = relayProcess(t, { databaseUrl: server.url, options: { name: 'relay', allow: '127.0.0.1' } })
  await relay.until('registered')
  await standbys('nobody')
  await client.query('insert into outbox.callback (url, max_attempts) values ($1, 1)', [receiver.url('/')])
  const isNamed = () => relay.logs.some(({ event }) => event === 'standby_awaited')
  const most = await mostSessions(client, isNamed)
  t.ok(most <= 5, `${most} connections`)
  t.match(await relay.until('standby_awaited'), { reason: /synchronous_standby_names = 'nobody'/ })
  t.equal(receiver.arrivals.length, 0, 'nothing is sent before its claim is safe')
  await standbys('')
  await receiver.until(arrivals => arrivals.length === 1)
  await eventually(async () => {
    const { rows } = await client.query('select status, attempts from outbox.callback')
    assert.deepEqual(rows, [{ status: 'delivered', attempts: 1 }])
  })
  t.notOk(relay.logs.some(({ event }) => event === 'database_away' || event === 'registration_lost'))
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
})

t.test(
  'a notification of a commit that waits for a standby keeps others from notifying, which is no loss of the listener',
  async t => {
    await standbys('nobody')
    const notifier = new pg.Client({ connectionString: server.url })
    await notifier.connect()
    t.teardown(() => notifier.end())
    const notified = notifier.query(`insert into outbox.janitor_run (relay) values ('notifies'); notify outbox`)
    await untilWaiting(1)
    const losses: Error[] = []
    let hints = 0
    const connection = () => ({ connectionString: server.url })
    const options = { schema: 'outbox', applicationName: 'ringback listen test', heartbeatMs: 50, echoMs: 600 }
    const listener = new Listener(
      { ...options, connection },
      { hint: () => hints++, lost: error => losses.push(error) },
    )
    listener.start()
    t.teardown(() => listener.stop())
    await eventually(() => assert.equal(hints, 1))
    const pids = new Set<number>()
    for (let echoes = 0; echoes < 3; echoes += 1) {
      const text = `select pid from pg_stat_activity where application_name = 'ringback listen test' and wait_event_type = 'Lock'`
      await eventually(async () => assert.equal((await client.query(text)).rows.length, 1))
      for (const { pid } of (await client.query(text)).rows) pids.add(pid)
      await eventually(async () => assert.equal((await client.query(text)).rows.length, 0))
    }
    t.same(losses, [])
    t.equal(pids.size, 1)
    await standbys('')
    await notified
    await eventually(() => assert.equal(hints, 2))
  },
)

t.test('writers that wait for one another to notify are seen; a single one is usual', async t => {
  const session = await Session.open({
    connection: { connectionString: server.url },
    schema: 'outbox',
    applicationName: 'sleeper',
    timeoutMs: 5_000,
    prepared: true,
  })
  t.teardown(() => session.destroy())
  const lock = new WakeLock(session)
  const notify = async () => {
    const writer = new pg.Client({ connectionString: server.url, application_name: 'notifies' })
    await writer.connect()
    t.teardown(() => writer.end())
    return writer.query(`insert into outbox.janitor_run (relay) values ('notifies'); notify outbox`)
  }
  const untilQueued = (count: number) =>
    eventually(async () => {
      const text = `select pid from pg_stat_activity where application_name = 'notifies' and wait_event_type = 'Lock'`
      assert.equal((await client.query(text)).rows.length, count)
    })
  t.equal(await lock.isCrowded(), false)
  await standbys('nobody')
  const notified = [notify()]
  await untilWaiting(1)
  notified.push(notify())
  await untilQueued(1)
  t.equal(await lock.isCrowded(), false)
  notified.push(notify())
  await untilQueued(2)
  t.equal(await lock.isCrowded(), true)
  await standbys('')
  await Promise.all(notified)
  t.equal(await lock.isCrowded(), false)
})

t.test(
  'a commit that waits is cut by no timeout, and one that was left is waited for before there are new sessions',
  async t => {
    const open = (former: readonly Backend[], standbyAwaited: () => void) =>
      Sessions.open({
        connection: { connectionString: server.url },
        schema: 'outbox',
        relay: 'relay',
        leaseMs: 4_000,
        timeoutMs: 1_000,
        prepared: true,
        former,
        standbyAwaited,
      })
    const change = {
      name: 'change',
      text: `insert into outbox.hold (url_prefix, reason) values ('https://a.test/', $1)`,
    }
    let asked = 0
    const first = await open([], () => asked++)
    await standbys('nobody')
    const recorded = first.record.rows(change, ['one'])
    await eventually(() => assert.ok(asked >= 3, `${asked} times`))
    await standbys('')
    t.same(await recorded, [])

    await standbys('nobody')
    await client.query('delete from outbox.hold')
    const left = first.record.rows(change, ['two']).catch(() => {})
    await untilWaiting(1)
    first.destroy()
    await left
    asked = 0
    const opening = open(first.backends, () => asked++)
    await eventually(() => assert.ok(asked >= 3, `${asked} times`))
    await untilWaiting(1)
    await standbys('')
    const second = await opening
    t.teardown(() => second.close())
    const { rows } = await client.query(
      `select count(*)::integer as count from pg_stat_activity where application_name like 'ringback % relay'`,
    )
    t.equal(rows[0].count, 4)
  },
)
