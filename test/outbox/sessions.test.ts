import assert from 'node:assert/strict'
import t, { type Test } from 'tap'
import { PoolerError } from '../../src/errors.ts'
import { renew } from '../../src/outbox/registration.ts'
import { Session } from '../../src/outbox/session.ts'
import { Sessions, type SessionsOptions } from '../../src/outbox/sessions.ts'
import { eventually } from '../fixtures/eventually.ts'
import { FaultProxy } from '../fixtures/fault-proxy.ts'
import { Pooler, type PoolerOptions } from '../fixtures/pooler.ts'
import { pulse, Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)

async function open(
  t: Pick<Test, 'teardown'>,
  connectionString = stage.database.url,
  options: Partial<SessionsOptions> = {},
): Promise<Sessions> {
  const sessions = await Sessions.open({
    connection: { connectionString },
    schema: 'outbox',
    relay: 'relay',
    leaseMs: 4_000,
    timeoutMs: 2_000,
    prepared: true,
    former: [],
    standbyAwaited: () => {},
    ...options,
  })
  t.teardown(() => sessions.close())
  return sessions
}

const fourOf = ({ claim, record, read, keep }: Sessions) => [claim, record, read, keep]

async function pooler(t: Pick<Test, 'teardown'>, options: PoolerOptions): Promise<Pooler> {
  const made = await Pooler.start(stage.database.url, options)
  t.teardown(() => made.close())
  return made
}

/** What was set, prepared or locked in the sessions of the pool. */
async function leftIn(t: Pick<Test, 'teardown'>, url: string): Promise<unknown[]> {
  const text = `
    select name from pg_settings where source = 'session' and name not in ('application_name', 'client_encoding')
     union all select name from pg_prepared_statements
     union all select 'lock' from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`
  const session = await Session.open({
    connection: { connectionString: url },
    schema: 'outbox',
    applicationName: 'test',
    timeoutMs: 2_000,
    prepared: false,
  })
  t.teardown(() => session.close())
  return session.rows({ name: 'left', text })
}

t.test('whatever the defaults of role and database are, a relay works under its own settings', async t => {
  const hostile = {
    array_nulls: 'off',
    default_transaction_read_only: 'on',
    default_transaction_isolation: 'serializable',
    standard_conforming_strings: 'off',
    datestyle: 'German',
    intervalstyle: 'iso_8601',
    timezone: 'Asia/Kathmandu',
    bytea_output: 'escape',
    extra_float_digits: '-15',
    idle_session_timeout: '1h',
    idle_in_transaction_session_timeout: '1h',
    statement_timeout: '1h',
    lock_timeout: '1h',
    synchronous_commit: 'off',
    enable_indexscan: 'off',
    search_path: 'evil, pg_catalog',
  }
  for (const [name, value] of Object.entries(hostile))
    await stage.query(
      `alter database ${stage.database.name} set ${name} = ${name === 'search_path' ? value : `'${value}'`}`,
    )
  t.teardown(() => stage.query(`alter database ${stage.database.name} reset all`))
  const sessions = await open(t)
  const text = 'select current_setting(name) as value from unnest($1::text[]) as name'
  const names = [...Object.keys(hostile), 'transaction_isolation', 'row_security', 'client_encoding', 'jit']
  for (const session of fourOf(sessions)) {
    const isKeep = session === sessions.keep
    const rows = await session.rows<{ value: string }>({ name: 'settings', text }, [names])
    t.same(Object.fromEntries(rows.map(({ value }, n) => [names[n], value])), {
      array_nulls: 'on',
      default_transaction_read_only: 'off',
      default_transaction_isolation: 'read committed',
      standard_conforming_strings: 'on',
      datestyle: 'ISO, YMD',
      intervalstyle: 'postgres',
      timezone: 'UTC',
      bytea_output: 'hex',
      extra_float_digits: '1',
      idle_session_timeout: isKeep ? '8s' : '0',
      idle_in_transaction_session_timeout: '1500ms',
      statement_timeout: '1500ms',
      lock_timeout: '500ms',
      synchronous_commit: isKeep ? 'local' : 'on',
      enable_indexscan: 'on',
      search_path: 'pg_catalog, pg_temp',
      transaction_isolation: 'read committed',
      row_security: 'off',
      client_encoding: 'UTF8',
      jit: 'off',
    })
  }
})

t.test('a pooler in transaction mode is refused, and nothing is left in its sessions', async t => {
  for (const order of ['last', 'turn'] as const) {
    for (const size of [1, 2, 4, 5]) {
      const between = await pooler(t, { mode: 'transaction', size, order })
      await t.rejects(open(t, between.url), { code: 'RINGBACK_POOLER', exitCode: 2 }, `${size}, lent ${order}`)
      t.same(await leftIn(t, between.url), [])
    }
  }
})

t.test('a pooler in session mode does', async t => {
  const between = await pooler(t, { mode: 'session', size: 4 })
  const sessions = await open(t, between.url)
  t.equal(new Set(fourOf(sessions).map(({ pid }) => pid)).size, 4)
})

t.test('a pool or a limit of connections that is too small is named', async t => {
  const between = await pooler(t, { mode: 'session', size: 3 })
  await t.rejects(open(t, between.url), /only 3 of the 5 connections .* size of the pool/)

  const login = `ringback_test_limited_${process.pid}`
  await stage.query(`create role ${login} login password 'x' connection limit 2 in role outbox_relay`)
  t.teardown(() => stage.query(`drop role ${login}`))
  const url = new URL(stage.database.url)
  Object.assign(url, { username: login, password: 'x' })
  await t.rejects(open(t, url.href), /only 2 of the 5 connections .*too many connections.* CONNECTION LIMIT/)
})

t.test('a renewal that another session answers ends the relay: its locks are elsewhere', async t => {
  const session = await stage.another()
  const epoch = await stage.register()
  t.match(await renew(session, epoch, [], pulse), { renewed: [epoch] })
  const moved = { rows: session.rows.bind(session), pid: session.pid + 1 } as unknown as Session
  await t.rejects(renew(moved, epoch, [], pulse), PoolerError)
})

/** Process ids of the relay's sessions on the server. */
async function living(): Promise<number[]> {
  const rows = await stage.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and application_name like 'ringback % relay'`,
  )
  return rows.map(({ pid }) => pid)
}

t.test(
  'sessions that a relay has left are gone before it has new ones, though they were waiting for a lock',
  async t => {
    const first = await open(t)
    const locker = await stage.database.connect()
    await locker.query('begin; lock table outbox.callback')
    const waiting = first.claim.rows({ name: 'blocked', text: 'select from outbox.callback' }).catch(error => error)
    await eventually(async () => {
      const [row] = await stage.query<{ pids: number[] }>('select pg_blocking_pids($1) as pids', [first.claim.pid])
      assert.equal(row?.pids.length, 1)
    })
    const former = first.backends
    first.destroy()
    await waiting
    const second = await open(t, undefined, { former })
    t.same(
      (await living()).sort(),
      fourOf(second)
        .map(({ pid }) => pid)
        .sort(),
    )
    await locker.query('rollback')
  },
)

t.test(
  'the server gives up a statement before the client does, so that nobody claims for a relay that has turned away',
  async t => {
    const sessions = await open(t)
    const locker = await stage.database.connect()
    await locker.query('begin; lock table outbox.callback in share mode')
    const update = { name: 'blocked', text: 'update outbox.callback set rev = rev + 1' }
    for (const session of [sessions.claim, sessions.record, sessions.read]) {
      await t.rejects(session.rows(update), { code: '55P03' })
    }
    await t.rejects(sessions.claim.rows({ name: 'long', text: 'select pg_sleep(60)' }), { code: '57014' })
    t.same(await sessions.claim.rows({ name: 'alive', text: 'select 1 as alive' }), [{ alive: 1 }])
    await locker.query('rollback')
  },
)

t.test('a proxy that ends idle connections finds none', async t => {
  const proxy = await FaultProxy.start(stage.database.url)
  t.teardown(() => proxy.close())
  proxy.endIdle(2_000)
  const asked: { times: number }[] = []
  proxy.watch(() => {
    const connection = { times: 0 }
    asked.push(connection)
    return direction => {
      if (direction === 'to-server') connection.times += 1
      return 'pass'
    }
  })
  const sessions = await open(t, proxy.via(stage.database.url), { idleMs: 100 })
  const openedAt = asked.map(({ times }) => times)
  // One that is asked each 100 ms has lived through 3 s then.
  const seen = eventually(() => assert.ok(asked.every(({ times }, n) => times >= (openedAt[n] ?? 0) + 30)))
  await Promise.race([seen, sessions.failure()])
  t.equal(proxy.connections, 4)
})

const isLinux = process.platform === 'linux'
const onLinux = isLinux ? {} : { skip: 'the server learns of a client that takes nothing on Linux only' }
t.test('a claim whose reply nobody takes ends by itself, where no other login may end it', onLinux, async t => {
  const proxy = await FaultProxy.start(stage.database.url)
  t.teardown(() => proxy.close())
  const stuck = await open(t, proxy.via(stage.database.url), { leaseMs: 1_000, timeoutMs: 600_000 })
  const { pid } = stuck.claim
  proxy.swallow('to-client')
  const reply = { name: 'long', text: `select repeat('x', 1000000) from generate_series(1, 50)` }
  stuck.claim.rows(reply).catch(() => {})
  await eventually(async () => {
    const [row] = await stage.query<{ event: string }>(
      'select wait_event as event from pg_stat_activity where pid = $1',
      [pid],
    )
    assert.equal(row?.event, 'ClientWrite')
  })
  await eventually(async () => assert.ok(!(await living()).includes(pid)), { deadlineMs: 15_000 })
  stuck.destroy()
})
