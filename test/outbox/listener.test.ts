import assert from 'node:assert/strict'
import t, { type Test } from 'tap'
import { Listener } from '../../src/outbox/listener.ts'
import { testDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { FaultProxy } from '../fixtures/fault-proxy.ts'

const database = await testDatabase(t)
const name = 'ringback listen test'

/** A listener, and what it told. */
interface Ear {
  readonly listener: Listener
  /** Senders' process ids; null for a connection that is new. */
  readonly hints: (number | null)[]
  readonly losses: Error[]
  /** Which loss in a row each was. */
  readonly tries: number[]
}

async function listen(t: Pick<Test, 'teardown'>, url = database.url, schema = 'outbox'): Promise<Ear> {
  const ear = { hints: [] as (number | null)[], losses: [] as Error[], tries: [] as number[] }
  const listener = new Listener(
    { connection: () => ({ connectionString: url }), schema, applicationName: name, heartbeatMs: 50, echoMs: 300 },
    {
      hint: from => ear.hints.push(from),
      lost: (reason, tries) => {
        ear.losses.push(reason)
        ear.tries.push(tries)
      },
    },
  )
  listener.start()
  t.teardown(() => listener.stop())
  await eventually(() => assert.equal(ear.hints.length, 1))
  return { listener, ...ear }
}

/** Process ids of the listener's sessions. */
async function sessions(): Promise<number[]> {
  const { rows } = await database.client.query<{ pid: number }>(
    'select pid from pg_stat_activity where application_name = $1 and datname = current_database()',
    [name],
  )
  return rows.map(({ pid }) => pid)
}

const notify = (payload: string, channel = 'outbox') =>
  database.client.query('select pg_notify($1, $2)', [channel, payload])

/** Resolves when a notification that is sent now is heard. */
async function hears({ hints }: Ear): Promise<void> {
  const before = hints.length
  await eventually(async () => {
    await notify('')
    assert.ok(hints.length > before, 'nothing was heard')
  })
}

t.test('a new connection is a hint, a notification another, and it says whose', async t => {
  const { hints, losses } = await listen(t)
  t.same(hints, [null])
  await notify('')
  const { rows } = await database.client.query<{ pid: number }>('select pg_backend_pid() as pid')
  await eventually(() => assert.deepEqual(hints, [null, rows[0]?.pid]))
  t.same(losses, [])
})

t.test('no payload does harm, whoever sent it', async t => {
  const ear = await listen(t)
  const payloads = [
    'junk',
    '{"a":',
    'null',
    '"',
    '\u0001\u001b[31m',
    '\ud83d\ude00',
    'x'.repeat(7_999),
    '{"__proto__":1}',
  ]
  for (const payload of payloads) await notify(payload)
  await eventually(() => assert.equal(ear.hints.length, 1 + payloads.length))
  t.same(ear.losses, [])
})

t.test('it listens to the channel of its schema only', async t => {
  const ear = await listen(t, database.url, 'other_outbox')
  for (const channel of ['outbox', 'other', 'error', 'other_outbox_echo']) await notify('', channel)
  await notify('', 'other_outbox')
  await eventually(() => assert.equal(ear.hints.length, 2))
  t.same(ear.losses, [])
})

t.test('when its session is ended it builds another, which is a hint', async t => {
  const ear = await listen(t)
  const former = await sessions()
  await database.client.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [former])
  await eventually(() => assert.equal(ear.hints.length, 2))
  t.same(ear.hints, [null, null])
  t.equal(ear.losses.length, 1)
  await hears(ear)
  await eventually(async () => assert.equal((await sessions()).length, 1))
  t.notSame(await sessions(), former)
  ear.listener.distrust()
  await eventually(() => assert.equal(ear.losses.length, 2))
  t.same(ear.tries, [1, 2], 'it says which one in a row it was')
})

t.test('a socket that goes dead is found by the echo, and replaced when there is a way again', async t => {
  const proxy = await FaultProxy.start(database.url)
  t.teardown(() => proxy.close())
  const ear = await listen(t, proxy.via(database.url))
  proxy.swallow()
  await eventually(() => assert.ok(ear.losses.length >= 1))
  t.match(ear.losses[0], /did not hear|timeout/i)
  proxy.heal()
  await eventually(() => assert.ok(ear.hints.length >= 2), { deadlineMs: 20_000 })
  await hears(ear)
})

t.test('one that is distrusted is replaced', async t => {
  const ear = await listen(t)
  ear.listener.distrust()
  await eventually(() => assert.equal(ear.hints.length, 2))
  t.match(ear.losses, [/without a notification/])
  await hears(ear)
})

t.test('a server that is not there yet is tried until it is', async t => {
  const proxy = await FaultProxy.start(database.url)
  const url = proxy.via(database.url)
  await proxy.close()
  const losses: Error[] = []
  const listener = new Listener(
    {
      connection: () => ({ connectionString: url }),
      schema: 'outbox',
      applicationName: name,
      heartbeatMs: 50,
      echoMs: 300,
    },
    { hint: () => t.fail('heard from nowhere'), lost: reason => losses.push(reason) },
  )
  listener.start()
  await eventually(() => assert.ok(losses.length >= 3))
  t.match(losses[0], { code: 'ECONNREFUSED' })
  await listener.stop()
})

t.test('stop ends it in any state, and leaves no session', async t => {
  const idle = await listen(t)
  await idle.listener.stop()
  await eventually(async () => assert.deepEqual(await sessions(), []))
  await notify('')
  t.same(idle.hints, [null])

  const proxy = await FaultProxy.start(database.url)
  t.teardown(() => proxy.close())
  const deaf = await listen(t, proxy.via(database.url))
  proxy.swallow()
  await deaf.listener.stop()
  await proxy.close()
  await eventually(async () => assert.deepEqual(await sessions(), []))

  const connecting = new Listener(
    {
      connection: () => ({ connectionString: database.url }),
      schema: 'outbox',
      applicationName: name,
      heartbeatMs: 50,
      echoMs: 300,
    },
    { hint() {}, lost() {} },
  )
  connecting.start()
  await connecting.stop()
  await eventually(async () => assert.deepEqual(await sessions(), []))
})
