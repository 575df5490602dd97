/** A URL of several hosts: the primary is found, a host that is gone holds nothing up, and a relay follows a failover. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { migrate } from '../../src/outbox/migrate.ts'
import { Session } from '../../src/outbox/session.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type EmbeddedPostgres, embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { relayProcess } from '../fixtures/relay-process.ts'
import { ringback } from '../fixtures/ringback.ts'

const [first, second] = await Promise.all([migrated(t), migrated(t)])
const place = ({ port }: EmbeddedPostgres) => `127.0.0.1:${port}`
/** Nothing listens there. */
const nobody = '127.0.0.1:1'

async function migrated(t: Pick<Test, 'teardown'>): Promise<EmbeddedPostgres> {
  const server = await embeddedPostgres({ settings: { fsync: 'off' } })
  t.teardown(() => server.remove())
  await migrate({ connectionString: server.url }, { schema: 'outbox', wake: 'notify' })
  return server
}

/** It accepts connections, and says nothing: as a machine that is stopped, or cut off. */
async function mute(t: Pick<Test, 'teardown'>): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => void sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function run<Row extends pg.QueryResultRow>({ url }: EmbeddedPostgres, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<Row>(text)
  await client.end()
  return rows
}

/** Without a primary to follow it waits for one, and answers reads meanwhile. */
async function demote(server: EmbeddedPostgres): Promise<void> {
  await server.stop()
  await writeFile(join(server.dataDir, 'standby.signal'), '')
  await server.start()
}

const url = (hosts: readonly string[], attrs = 'any') =>
  `postgres://postgres:hunter2@${hosts.join(',')}/postgres?target_session_attrs=${attrs}`

async function opened(hosts: readonly string[], attrs?: string): Promise<string> {
  const options = { schema: 'outbox', applicationName: 'test', timeoutMs: 5_000, prepared: false }
  const session = await Session.open({ ...options, connection: { connectionString: url(hosts, attrs) } })
  await session.close()
  return session.place
}

t.test('the first host at which a relay can work is taken, for whatever command', async t => {
  await demote(second)
  const muteHost = await mute(t)
  const startedAt = performance.now()
  t.equal(await opened([muteHost, nobody, place(second), place(first)]), place(first))
  t.ok(performance.now() - startedAt < 2_500, 'a host that says nothing holds up the rest for a moment only')
  for (const argv of [['migrate'], ['status'], ['doctor']]) {
    const { code, err } = await ringback(argv, { DATABASE_URL: url([nobody, place(second), place(first)], 'primary') })
    t.match([code, err], [0, ''], argv.join(' '))
  }
})

t.test('where no host fits, each is named with what is wrong with it, and nothing is said of the password', async t => {
  const { code, out, err } = await ringback(['status'], { DATABASE_URL: url([nobody, place(second)], 'read-write') })
  t.equal(code, 1)
  t.match(
    err.trim(),
    new RegExp(
      `^ringback: none of the 2 hosts of DATABASE_URL can be used: nothing listens at ${nobody} \\(ECONNREFUSED\\).*; ${place(second)}: the database is a standby`,
    ),
  )
  t.notMatch(`${out}${err}`, 'hunter2')
  const twice = url([place(second), place(second)])
  t.match(await ringback(['run'], { DATABASE_URL: twice }), { code: 4 })
  await t.rejects(opened([place(second), place(second)]), { code: 'RINGBACK_STANDBY' })
})

t.test('read-write passes over a server that is read-only by default; any and primary do not', async t => {
  await run(first, 'alter system set default_transaction_read_only = on')
  await run(first, 'select pg_reload_conf()')
  for (const attrs of ['any', 'primary']) t.equal(await opened([place(first)], attrs), place(first))
  await t.rejects(opened([place(first)], 'read-write'), { code: 'RINGBACK_STANDBY', message: /is read-only/ })
  await run(first, 'alter system reset default_transaction_read_only')
  await run(first, 'select pg_reload_conf()')
})

t.test('a relay whose primary became a standby leaves it for the new primary', async t => {
  const receiver = await Receiver.start()
  t.teardown(() => receiver.close())
  const databaseUrl = url([place(first), place(second)], 'read-write')
  const relay = relayProcess(t, { databaseUrl, options: { name: 'relay', allow: '127.0.0.1' } })
  t.match(await relay.until('registered'), { database: place(first) })
  await demote(first)
  await relay.until('database_away')
  await run(second, 'select pg_promote()')
  await relay.until('registered', ({ database }) => database === place(second))
  await relay.until('database_back')
  await run(second, `insert into outbox.callback (url) values ('${receiver.url('/')}')`)
  await receiver.until(arrivals => arrivals.length === 1)
  await eventually(async () => {
    const listens = `select from pg_stat_activity where application_name = 'ringback listen relay'`
    assert.equal((await run(second, listens)).length, 1)
  })
  relay.kill()
  t.same(await relay.exited, { code: 0, signal: null })
})
