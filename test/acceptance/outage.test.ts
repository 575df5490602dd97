import assert from 'node:assert/strict'
import t, { type Test } from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { FaultProxy } from '../fixtures/fault-proxy.ts'
import { Stage } from '../fixtures/stage.ts'

/** The URL under which a relay has the rights of its role alone, so that they can be taken from it. */
function asRelay({ database }: Stage): { readonly DATABASE_URL: string } {
  return { DATABASE_URL: `${database.url}?options=-c%20role%3Doutbox_relay` }
}

async function connections({ client }: Stage): Promise<number> {
  const { rows } = await client.query<{ sessions: string }>(
    'select sessions from pg_stat_database where datname = current_database()',
  )
  return Number(rows[0]?.sessions)
}

t.test('the database is back when work has been done, not when it can be connected to', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay({}, { env: asRelay(stage) })
  const before = await connections(stage)
  await stage.client.query('revoke select on outbox.callback from outbox_relay')
  t.match(await relay.until('database_refuses'), { level: 'error', err: { code: '42501' } })
  // It has connected again and again.
  await eventually(async () => assert.ok((await connections(stage)) - before >= 12))
  const said = relay.logs.map(({ event }) => event).filter(event => event?.startsWith('database_'))
  t.same(said, ['database_refuses'])
  t.ok((await connections(stage)) - before < 50, `${(await connections(stage)) - before} connections`)
  await stage.client.query('grant select on outbox.callback to outbox_relay')
  await relay.until('database_back')
  await stage.becomes(await stage.send({}), 'delivered')
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
})

t.test('a schema that somebody drops ends the relay, which names it', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay()
  await stage.client.query('drop schema outbox cascade')
  t.same(await relay.exited, { code: 3, signal: null })
  t.match(relay.logs.at(-1), { level: 'fatal', event: 'failed', err: { code: 'RINGBACK_SCHEMA' } })
  t.match(relay.errors(), /is missing in this database; run: ringback migrate/)
})

t.test('a defect ends the relay with exit code 1, and it says so', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay({ poll: '200ms' })
  // A registration without a kernel: nobody has thought of that.
  await stage.client.query('alter table outbox.relay alter column kernel drop not null')
  await stage.client.query(
    `with other as (
       insert into outbox.relay (epoch, lease, pid, node, process, name, host, version)
       values (1, '1 h', 1, gen_random_uuid(), gen_random_uuid(), 'other', 'host', '1')
     )
     insert into outbox.pulse (epoch, started_at, serving, digest, settings) values (1, now(), false, '', '{}')`,
  )
  t.same(await relay.exited, { code: 1, signal: null })
  t.match(relay.logs.at(-1), { level: 'fatal', event: 'failed', err: { type: 'TypeError' } })
})

t.test(
  'told to stop while the database is away, a relay records what it has sent when the database is back',
  async t => {
    const { stage, proxy, relay, id } = await withOneSent(t)
    relay.kill('SIGTERM')
    await relay.until('stopping')
    await proxy.up()
    t.same(await relay.exited, { code: 0, signal: null })
    t.same(await stage.outcomes(id), [[1, 'delivered']])
    t.equal((await stage.row(id)).status, 'delivered')
    t.same((await stage.client.query('select from outbox.relay')).rowCount, 0, 'and has handed over')
  },
)

t.test('what stays unrecorded at the end is counted, and is exit code 1', async t => {
  const { relay } = await withOneSent(t, { grace: '0s' })
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 1, signal: null })
  t.match(await relay.until('stopped_unrecorded'), { level: 'error', attempts: 1 })
})

t.test('a new connection to the database leaves those to receivers as they are', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay()
  await stage.becomes(await stage.send({}), 'delivered')
  await stage.client.query(`
    select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name like 'ringback %'`)
  await relay.until('database_back')
  await stage.becomes(await stage.send({}), 'delivered')
  t.equal(stage.receiver.accepted, 1)
})

/** A relay that has lost its database, and has delivered a callback which it could not record. */
async function withOneSent(t: Test, options: Record<string, string> = {}) {
  const stage = await Stage.open(t)
  const proxy = await FaultProxy.start(stage.database.url)
  t.teardown(() => proxy.close())
  let answer = () => {}
  const answered = new Promise<number>(resolve => {
    answer = () => resolve(200)
  })
  stage.receiver.answer = () => answered
  const env = { DATABASE_URL: proxy.via(stage.database.url) }
  const relay = await stage.relay(options, { env })
  const id = await stage.send({})
  await stage.receiver.until(arrivals => arrivals.length === 1)
  await proxy.down()
  await relay.until('database_away')
  answer()
  await relay.until('attempt', ({ outcome }) => outcome === 'delivered')
  return { stage, proxy, relay, id }
}
