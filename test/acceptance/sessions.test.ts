import pg from 'pg'
import t, { type Test } from 'tap'
import { mostSessions } from '../fixtures/most-sessions.ts'
import { Pooler, type PoolerOptions } from '../fixtures/pooler.ts'
import { ringback } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

t.test('hostile defaults of role and database: callbacks are delivered all the same', async t => {
  const stage = await Stage.open(t)
  const hostile = {
    array_nulls: 'off',
    default_transaction_read_only: 'on',
    default_transaction_isolation: 'serializable',
    standard_conforming_strings: 'off',
    idle_session_timeout: '5s',
    idle_in_transaction_session_timeout: '2s',
    statement_timeout: '2s',
    lock_timeout: '1ms',
    datestyle: 'German',
    extra_float_digits: '-15',
    row_security: 'off',
    ...((await serverVersion(stage.client)) >= 17 ? { transaction_timeout: '2s' } : {}),
  }
  for (const [name, value] of Object.entries(hostile)) {
    await stage.client.query(`alter database ${stage.database.name} set ${name} = '${value}'`)
  }
  const relay = await stage.relay()
  let failures = 1
  stage.receiver.answer = () => (failures-- > 0 ? 500 : 200)
  await stage.becomes(await stage.send({ n: 1 }, { key: 'k' }), 'delivered')
  await stage.becomes(await stage.send({ n: 2 }, { max_attempts: 1 }), 'delivered')
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
  t.same(
    relay.logs.filter(({ level }) => level === 'error' || level === 'warn'),
    [],
  )
  const env = { DATABASE_URL: stage.database.url }
  t.match(await ringback(['replay', '--id', '1'], env), { code: 0, out: /1 callback will be sent again/ })
  // It waits, and no relay lives.
  t.match(await ringback(['status'], env), { code: 1, out: /waiting: 1 due/ })
})

async function serverVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query(`select current_setting('server_version_num')::integer / 10000 as major`)
  return rows[0].major
}

t.test('row level security that would hide callbacks is refused at the start, with the remedy', async t => {
  const stage = await Stage.open(t)
  const login = `ringback_test_rls_${process.pid}`
  await stage.client.query(`create role ${login} login password 'x' in role outbox_relay`)
  t.teardown(async () => {
    const admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL })
    await admin.connect()
    await admin.query(`drop role ${login}`)
    await admin.end()
  })
  const url = new URL(stage.database.url)
  Object.assign(url, { username: login, password: 'x' })
  await stage.client.query('alter table outbox.callback enable row level security')
  const relay = stage.start({}, { DATABASE_URL: url.href })
  t.same(await relay.exited, { code: 2, signal: null })
  t.match(relay.errors(), `outbox.callback and would silently hide callbacks from role ${login}`)
  t.match(relay.errors(), 'ALTER TABLE outbox.callback DISABLE ROW LEVEL SECURITY;')
  await stage.relay()
  await stage.becomes(await stage.send({}), 'delivered')
})

async function pooler(t: Pick<Test, 'teardown'>, databaseUrl: string, options: PoolerOptions): Promise<Pooler> {
  const made = await Pooler.start(databaseUrl, options)
  t.teardown(() => made.close())
  return made
}

/** Settings that somebody has left in the session that the pool lends next. */
async function leftIn(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(
    `select name from pg_settings where source = 'session' and name not in ('application_name', 'client_encoding')`,
  )
  await client.end()
  return rows.map(({ name }) => name)
}

t.test('a pooler in transaction mode is named at the start, and its other clients keep their settings', async t => {
  const stage = await Stage.open(t)
  const between = await pooler(t, stage.database.url, { mode: 'transaction', size: 2 })
  const relay = stage.start({}, { DATABASE_URL: between.url })
  t.same(await relay.exited, { code: 2, signal: null })
  t.match(relay.errors(), 'DATABASE_URL leads through a pooler in transaction mode')
  t.same(await leftIn(between.url), [])
})

t.test('a command leaves nothing behind in a session that a pooler lends it', async t => {
  const stage = await Stage.open(t)
  const between = await pooler(t, stage.database.url, { mode: 'transaction', size: 1 })
  const id = await stage.send({})
  await stage.client.query(`update outbox.callback set status = 'cancelled'`)
  const env = { DATABASE_URL: between.url }
  for (const argv of [['status'], ['attempts', id], ['replay', '--id', id], ['doctor']]) {
    t.match(await ringback(argv, env), { err: '' }, argv.join(' '))
    t.same(await leftIn(between.url), [], argv.join(' '))
  }
})

t.test('a lock on the table: never more than five connections, and what was never sent does not die', async t => {
  const stage = await Stage.open(t)
  await stage.relay()
  const locker = await stage.database.connect()
  for (const mode of ['share', 'access exclusive']) {
    const id = await stage.send({ mode }, { max_attempts: 1, due_at: new Date(Date.now() + 1_000) })
    await locker.query(`begin; lock table outbox.callback in ${mode} mode`)
    const pids = new Set<number>()
    const most = await mostSessions(stage.client, async () => {
      const { rows } = await stage.client.query<{ pid: number }>(
        `select pid from pg_stat_activity where datname = current_database() and application_name like 'ringback claim %'`,
      )
      for (const { pid } of rows) pids.add(pid)
      return pids.size > 2
    })
    t.ok(most <= 5, `${most} connections`)
    await locker.query('rollback')
    await stage.becomes(id, 'delivered', 5_000)
    t.match(await stage.row(id), { attempts: 1 })
  }
})
