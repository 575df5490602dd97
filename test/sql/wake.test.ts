import type pg from 'pg'
import t from 'tap'
import { migrate } from '../../src/outbox/migrate.ts'
import { type TestDatabase, testDatabase } from '../fixtures/database.ts'
import { read, write, writeAs } from './rows.ts'

const { client, connect } = await testDatabase(t)
const key = `hashtextextended('ringback wake outbox', 0)`

/** Takes and gives back the lock that a relay holds while it sleeps. */
const sleep = async (relay: pg.Client) => (await relay.query(`select pg_try_advisory_lock(${key}) as got`)).rows[0].got
const wakeUp = (relay: pg.Client) => relay.query(`select pg_advisory_unlock(${key})`)

/** A notification that only wakes. */
const wake = ''

/**
 * The payloads of what is notified while `work` runs. Notifications arrive in the order of their commits, so one more at the end tells that
 * nothing else is to come.
 */
async function heardDuring(work: () => Promise<unknown>): Promise<string[]> {
  const listener = await connect()
  const heard: string[] = []
  const ended = new Promise<void>(resolve => {
    listener.on('notification', ({ payload = '' }) => {
      if (payload === 'end') resolve()
      else heard.push(payload)
    })
  })
  await listener.query('listen outbox')
  await work()
  await client.query(`notify outbox, 'end'`)
  await ended
  await listener.query('unlisten *')
  return heard
}

t.test('an INSERT is silent while no relay sleeps', async t => {
  t.same(await heardDuring(() => write(client)), [])
})

t.test('an INSERT notifies the sleeping relay, once for each statement at most', async t => {
  const relay = await connect()
  t.ok(await sleep(relay))
  t.same(await heardDuring(() => write(client)), [wake])
  const bulk = `insert into outbox.callback (url) select 'https://crm.example/' from generate_series(1, 100)`
  t.same(await heardDuring(() => client.query(bulk)), [wake])
  const vocabulary = `select outbox.flow_modified('https://crm.example/', 3, 'paused')`
  t.same(await heardDuring(() => client.query(vocabulary)), [wake])
  await wakeUp(relay)
  t.same(await heardDuring(() => write(client)), [])
})

t.test(
  'at most 16 open transactions notify a sleeping relay; the last of them tells that others are silent',
  async t => {
    const relay = await connect()
    t.ok(await sleep(relay))
    const writers = await Promise.all(Array.from({ length: 20 }, connect))
    const heard = await heardDuring(async () => {
      for (const writer of writers) {
        await writer.query('begin')
        await write(writer)
        await write(writer)
      }
      for (const writer of writers) await writer.query('commit')
      await write(client)
    })
    t.same(heard, [...Array.from({ length: 15 }, () => wake), 'crowd', wake], 'after them one notifies as before')
    await wakeUp(relay)
  },
)

t.test('a turn to notify is given back with the savepoint in which it was taken', async t => {
  const relay = await connect()
  t.ok(await sleep(relay))
  const writers = await Promise.all(Array.from({ length: 16 }, connect))
  const heard = await heardDuring(async () => {
    for (const writer of writers) {
      await writer.query('begin')
      await writer.query('savepoint undone')
      await write(writer)
      await writer.query('rollback to undone')
    }
    await write(client)
    for (const writer of writers) await writer.query('commit')
  })
  t.same(heard, [wake])
  await wakeUp(relay)
})

t.test('a rolled back INSERT does not wake', async t => {
  const relay = await connect()
  t.ok(await sleep(relay))
  const heard = await heardDuring(async () => {
    await client.query('begin')
    await write(client)
    await client.query('rollback')
  })
  t.same(heard, [])
  await wakeUp(relay)
})

t.test('a relay cannot fall asleep while a silent writer’s transaction is open', async t => {
  const relay = await connect()
  for (const end of ['commit', 'rollback']) {
    await client.query('begin')
    await write(client)
    t.equal(await sleep(relay), false)
    await client.query(end)
    t.equal(await sleep(relay), true, end)
    await wakeUp(relay)
  }
})

t.test('a writer never waits for a relay that sleeps', async t => {
  const relay = await connect()
  t.ok(await sleep(relay))
  await client.query(`set statement_timeout = '5s'`)
  await t.resolves(write(client))
  await client.query('reset statement_timeout')
  await wakeUp(relay)
})

t.test('a replay, an amendment, another due time and a cancel wake the sleeping relay', async t => {
  const relay = await connect()
  const dead = await writeAs(client, 'dead')
  const pending = await write(client)
  const change = (id: string, assignments: string) =>
    heardDuring(() => client.query(`update outbox.callback set ${assignments} where id = $1`, [id]))
  t.ok(await sleep(relay))
  t.same(await change(dead, `status = 'pending'`), [wake])
  t.same(await change(pending, `url = 'https://new.example/'`), [wake])
  t.same(await change(pending, `due_at = '2999-01-01'`), [wake])
  t.same(await change(pending, `status = 'cancelled'`), [wake])
  await wakeUp(relay)
  t.same(await change(dead, `url = 'https://new.example/'`), [], 'one that is awake reads by itself')
})

t.test(
  'a row that is to be tried now is named, whether a relay sleeps or not; at most a hundred in a transaction',
  async t => {
    const ids: string[] = []
    for (let n = 0; n < 120; n += 1) ids.push(await write(client, { due_at: '2999-01-01' }))
    const due = (time: string) => () =>
      client.query('update outbox.callback set due_at = $2 where id = any ($1::bigint[])', [ids, time])
    t.same(await heardDuring(due('2998-01-01')), [])
    t.same(
      await heardDuring(due('now')),
      ids.slice(0, 100).map(id => `retry ${id}`),
    )
  },
)

t.test('every change of holds is told, be a relay asleep or awake', async t => {
  for (const statement of [
    `insert into outbox.hold (url_prefix, reason) values ('https://crm.example/', 'test'), ('https://b.example/', 'test')`,
    `update outbox.hold set reason = 'another'`,
    'delete from outbox.hold',
  ])
    t.same(await heardDuring(() => client.query(statement)), ['hold'], statement)
})

t.test('a cancelled row that has a key is named to the relays: the next of its key may go', async t => {
  const keyed = await write(client, { ordering_key: 'k' })
  const rows = [keyed, await write(client)]
  const cancel = `update outbox.callback set status = 'cancelled' where id = any ($1)`
  t.same(await heardDuring(() => client.query(cancel, [rows])), [keyed])
  t.same(
    await heardDuring(() => client.query(`update outbox.callback set status = 'pending' where id = any ($1)`, [rows])),
    [],
  )
})

t.test('of more than a hundred in one transaction all else is left to a sweep', async t => {
  const ids: string[] = []
  for (let n = 0; n < 120; n += 1) ids.push(await write(client, { ordering_key: `key ${n % 7}` }))
  const some = (from: number, to: number) => ids.slice(from, to)
  const cancel = (rows: readonly string[]) =>
    client.query(`update outbox.callback set status = 'cancelled' where id = any ($1)`, [rows])
  const heard = await heardDuring(async () => {
    await client.query('begin')
    await cancel(some(0, 60))
    await client.query('savepoint undone')
    await cancel(some(60, 70))
    await client.query('rollback to undone')
    await cancel(some(60, 110))
    await client.query('commit')
  })
  t.same(new Set(heard), new Set([...some(0, 100), 'sweep']))
  t.equal(heard.length, 101)
  t.same(await heardDuring(() => cancel(some(110, 120))), some(110, 120), 'the next transaction counts anew')
})

t.test(
  'a change in a transaction that is older than a second asks for a sweep: its time may have been passed',
  async t => {
    const id = await writeAs(client, 'dead')
    const heard = await heardDuring(async () => {
      await client.query(`begin; select pg_sleep(1.1)`)
      await client.query(`update outbox.callback set status = 'pending' where id = $1`, [id])
      await client.query('commit')
    })
    t.same(heard, ['sweep'])
  },
)

t.test('a replay of many rows is one notification', async t => {
  const relay = await connect()
  await client.query(`insert into outbox.callback (url) select 'https://crm.example/' from generate_series(1, 100)`)
  await client.query(`update outbox.callback set status = 'cancelled' where status = 'pending'`)
  t.ok(await sleep(relay))
  const replay = `update outbox.callback set status = 'pending' where status = 'cancelled'`
  t.same(await heardDuring(() => client.query(replay)), [wake])
  await wakeUp(relay)
})

const { rows } = await client.query<{ count: string }>(`select current_setting('max_prepared_transactions') as count`)
const skip = rows[0]?.count === '0' ? 'max_prepared_transactions is 0 on this server' : false

t.test('with --wake poll an INSERT has no trigger that wakes, and takes no lock', async t => {
  const poll = await pollDatabase(t)
  const triggers = await poll.client.query(
    `select tgname from pg_trigger where tgrelid = 'outbox.callback'::regclass and not tgisinternal and tgtype & 4 <> 0`,
  )
  t.same(triggers.rows, [{ tgname: 'zz_new_callback' }])
  const relay = await poll.connect()
  await poll.client.query('begin')
  await write(poll.client)
  t.equal(await sleep(relay), true)
  await poll.client.query('commit')
})

t.test('with --wake poll a producer can PREPARE TRANSACTION while a relay sleeps', { skip }, async t => {
  const poll = await pollDatabase(t)
  t.ok(await sleep(await poll.connect()))
  await poll.client.query('begin')
  const id = await write(poll.client)
  await poll.client.query(`prepare transaction '${poll.name}'`)
  await t.rejects(read(poll.client, id), 'not there before it is committed')
  await poll.client.query(`commit prepared '${poll.name}'`)
  t.equal((await read(poll.client, id)).status, 'pending')
})

t.test('without it PREPARE TRANSACTION is refused while a relay sleeps', { skip }, async t => {
  const relay = await connect()
  t.ok(await sleep(relay))
  await client.query('begin')
  await write(client)
  await t.rejects(client.query(`prepare transaction 'refused'`), { code: '0A000', message: /NOTIFY/ })
  await client.query('rollback')
  await wakeUp(relay)
})

async function pollDatabase(t: Parameters<typeof testDatabase>[0]): Promise<TestDatabase> {
  const database = await testDatabase(t, { migrate: false })
  await migrate({ connectionString: database.url }, { schema: 'outbox', wake: 'poll' })
  return database
}
