import t, { type Test } from 'tap'
import { Session } from '../../src/outbox/session.ts'
import { FaultProxy } from '../fixtures/fault-proxy.ts'
import { openSession, Stage, untilBlocked } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const one = { name: 'one', text: 'select 1 as one' }
const long = { name: 'long', text: 'select pg_sleep(60)' }

async function proxy(t: Pick<Test, 'teardown'>): Promise<FaultProxy> {
  const made = await FaultProxy.start(stage.database.url)
  t.teardown(() => made.close())
  return made
}

t.test('it runs under the settings that the statements were measured with', async t => {
  await stage.query(`alter database ${stage.database.name} set synchronous_commit = off`)
  await stage.query(`alter database ${stage.database.name} set default_transaction_isolation = serializable`)
  const session = await stage.another()
  const names = ['enable_seqscan', 'enable_bitmapscan', 'jit', 'synchronous_commit', 'transaction_isolation']
  const text = `select name, current_setting(name) as value from unnest($1::text[]) as name`
  t.same(await session.rows({ name: 'settings', text }, [names]), [
    { name: 'enable_seqscan', value: 'off' },
    { name: 'enable_bitmapscan', value: 'off' },
    { name: 'jit', value: 'off' },
    { name: 'synchronous_commit', value: 'on' },
    { name: 'transaction_isolation', value: 'read committed' },
  ])
})

t.test('an int8 and a time keep all their digits', async t => {
  const text = `select 9007199254740993 as id, '2026-03-01T00:00:00.123456Z'::timestamptz as time`
  await stage.query(`alter database ${stage.database.name} set datestyle = 'German'`)
  const session = await stage.another()
  t.same(await session.rows({ name: 'int8', text }), [
    { id: '9007199254740993', time: new Date('2026-03-01T00:00:00.123Z') },
  ])
})

t.test('statements are prepared under their names, unless a pooler is in between', async t => {
  const text = 'select name from pg_prepared_statements order by name'
  await stage.session.rows(one)
  t.match(await stage.session.rows({ name: 'names', text }), [{ name: 'names' }, { name: 'one' }])
  const bare = await stage.another({ prepared: false })
  await bare.rows(one)
  t.same(await bare.rows({ name: 'names', text }), [])
})

t.test('a refused statement is no reason to end it', async t => {
  const session = await stage.another()
  await t.rejects(session.rows({ name: 'wrong', text: 'select 1/0' }), { code: '22012' })
  await t.rejects(session.rows({ name: 'nonsense', text: 'selekt' }), { code: '42601' })
  t.same(await session.rows(one), [{ one: 1 }])
})

t.test('a connection that is ended under a query rejects it, settles lost, and refuses later ones', async t => {
  const session = await stage.another()
  const refused = t.rejects(session.rows(long), { code: '57P01' })
  await stage.query('select pg_terminate_backend($1)', [session.pid])
  await refused
  t.match(await session.lost, /terminating connection/)
  await t.rejects(session.rows(one), /connection to the database is lost/)
  await t.rejects(session.run('select 1'), /connection to the database is lost/)
  await session.close()
})

t.test('an idle connection that is ended settles lost by itself', async t => {
  const session = await stage.another()
  await stage.query('select pg_terminate_backend($1)', [session.pid])
  t.ok((await session.lost) instanceof Error)
  await t.rejects(session.rows(one), /is lost/)
})

t.test('a cancelled query is no lost connection', async t => {
  const session = await stage.another()
  const other = await stage.database.connect()
  await other.query('begin; lock table outbox.hold')
  const refused = t.rejects(session.rows({ name: 'wait', text: 'select from outbox.hold' }), { code: '57014' })
  await untilBlocked(stage, session)
  await stage.query('select pg_cancel_backend($1)', [session.pid])
  await refused
  await other.query('rollback')
  t.same(await session.rows(one), [{ one: 1 }])
})

t.test('a socket that goes dead ends the session when an answer is overdue', async t => {
  const between = await proxy(t)
  const session = await openSession(t, between.via(stage.database.url), { timeoutMs: 300 })
  between.swallow()
  await t.rejects(session.rows(one), /timeout/i)
  t.match(await session.lost, /timeout/i)
  await t.rejects(session.rows(one), /is lost/)
})

t.test('closing does not wait for a server that does not answer', async t => {
  const between = await proxy(t)
  const session = await openSession(t, between.via(stage.database.url), { timeoutMs: 300 })
  between.swallow()
  const startedAt = performance.now()
  await session.close()
  t.ok(performance.now() - startedAt < 3_000)
})

t.test('connecting to a dead socket ends too, and says so', async t => {
  const between = await proxy(t)
  between.swallow()
  const connection = { connectionString: between.via(stage.database.url), connectionTimeoutMillis: 300 }
  await t.rejects(openSession(t, '', { connection }), /did not answer in time/)
})

t.test('an orderly end is no loss', async t => {
  const session = await stage.another()
  await session.close()
  await session.close()
  await t.rejects(session.rows(one), /is lost/)
  const first = await Promise.race([session.lost, new Promise(resolve => setImmediate(() => resolve('pending')))])
  t.equal(first, 'pending')
})

t.test('what cannot connect rejects with the reason', async t => {
  const open = (url: string) =>
    Session.open({
      connection: { connectionString: url },
      schema: 'outbox',
      applicationName: 'ringback test',
      timeoutMs: 1_000,
      prepared: true,
    })
  await t.rejects(open('postgres://127.0.0.1:1/none'), { code: 'ECONNREFUSED' })
  const unknown = new URL(stage.database.url)
  unknown.pathname = '/ringback_no_such_database'
  await t.rejects(open(unknown.href), { code: '3D000' })
})
