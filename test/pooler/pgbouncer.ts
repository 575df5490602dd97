/** `make pooler`: a relay, commands and producers behind a real PgBouncer, in each of its modes. Skipped where it is not installed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { freePort } from '../fixtures/postgres/port.ts'
import { serverIdentity, temporaryFolder } from '../fixtures/postgres/unprivileged.ts'
import { ringback } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

const PROGRAM = '/usr/sbin/pgbouncer'
const skip = existsSync(PROGRAM) ? false : `${PROGRAM} is not there (Debian: pgbouncer)`

interface PgbouncerOptions {
  readonly mode: 'session' | 'transaction' | 'statement'
  readonly size?: number
  readonly more?: string
}

/** Starts one before the stage's database, and resolves with the URL through it when it answers. */
async function pgbouncer(t: Pick<Test, 'teardown'>, stage: Stage, options: PgbouncerOptions): Promise<string> {
  const { mode, size = 20, more = '' } = options
  const target = new URL(stage.database.url)
  const identity = await serverIdentity()
  const folder = await mkdtemp(join(await temporaryFolder(identity), 'ringback-pgbouncer-'))
  const port = await freePort()
  const url = new URL(target)
  url.port = String(port)
  const file = join(folder, 'pgbouncer.ini')
  await writeFile(
    file,
    `[databases]
* = host=${target.hostname} port=${target.port} user=${target.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${size}
query_wait_timeout = 3
${more}
`,
  )
  // PgBouncer refuses to run as root.
  await chmod(folder, 0o755)
  const child = spawn(PROGRAM, [file], { stdio: 'ignore', ...identity })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  })
  await eventually(() => inserted(url.href, 'select 1'))
  return url.href
}

async function inserted(connectionString: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(text)
  await client.end()
}

t.test('session mode: a relay delivers, sleeps, is woken by a notification, and recovers', { skip }, async t => {
  const stage = await Stage.open(t)
  const url = await pgbouncer(t, stage, { mode: 'session' })
  t.match(await ringback(['migrate'], { DATABASE_URL: url }), { code: 0 })
  // It looks by itself after a minute only: what arrives sooner was told of.
  const relay = await stage.relay({ poll: '60s', linger: '10ms' }, { env: { DATABASE_URL: url } })
  for (const n of [1, 2, 3]) {
    await stage.becomes(await stage.send({ n }, { key: 'k' }), 'delivered', 5_000)
    await eventually(async () => {
      const [asleep] = await stage.query<{ count: number }>(
        `select count(*)::int as count from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
      )
      if (asleep?.count === 0) throw new Error('the relay is not asleep')
    })
  }
  for (const argv of [['status'], ['attempts', '1']])
    t.match(await ringback(argv, { DATABASE_URL: url }), { code: 0, err: '' }, argv.join(' '))
  t.match(await ringback(['doctor'], { DATABASE_URL: url }), { out: /there seems to be a pooler/ })
  // Statements of a lost session must not go on in one that the pooler hands to the next.
  await stage.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'ringback %'`)
  await relay.until('database_back')
  await stage.becomes(await stage.send({ n: 4 }), 'delivered', 5_000)
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
  const left = `select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`
  t.same((await stage.query(left)).length, 0, 'no lock stays in a session of the pool')
})

t.test('session mode with fewer than five sessions: the relay says so', { skip }, async t => {
  const stage = await Stage.open(t)
  const url = await pgbouncer(t, stage, { mode: 'session', size: 3 })
  const relay = stage.start({}, { DATABASE_URL: url })
  const { err } = await relay.until('database_away')
  t.match(err, { message: /only 3 of the 5 connections .* the size of the pool/ })
})

t.test('transaction mode: a relay refuses to start, however sessions are handed out', { skip }, async t => {
  const stage = await Stage.open(t)
  for (const [size, more] of [
    [2, ''],
    [20, ''],
    [2, 'server_round_robin = 1'],
    [20, 'server_round_robin = 1'],
  ] as const) {
    const url = await pgbouncer(t, stage, { mode: 'transaction', size, more })
    const relay = stage.start({}, { DATABASE_URL: url })
    t.same(await relay.exited, { code: 2, signal: null }, `${size} sessions ${more}`)
    t.match(relay.errors(), 'DATABASE_URL leads through a pooler in transaction mode')
  }
})

t.test('statement mode: a relay refuses to start', { skip }, async t => {
  const stage = await Stage.open(t)
  const relay = stage.start({}, { DATABASE_URL: await pgbouncer(t, stage, { mode: 'statement' }) })
  t.same(await relay.exited, { code: 2, signal: null })
})

t.test('transaction mode: producers and commands work, and doctor warns', { skip }, async t => {
  const stage = await Stage.open(t)
  const url = await pgbouncer(t, stage, { mode: 'transaction', size: 2, more: 'server_round_robin = 1' })
  await stage.relay({ poll: '60s' })
  await inserted(url, `insert into outbox.callback (url) values ('${stage.receiver.url('/')}')`)
  await stage.receiver.until(arrivals => arrivals.length === 1)
  for (const argv of [['migrate'], ['status'], ['attempts', '1']])
    t.match(await ringback(argv, { DATABASE_URL: url }), { code: 0, err: '' }, argv.join(' '))
  t.match(await ringback(['doctor'], { DATABASE_URL: url }), {
    out: /a pooler changes the session|there seems to be a pooler/,
  })
})
