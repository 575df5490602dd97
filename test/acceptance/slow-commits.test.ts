import assert from 'node:assert/strict'
import pg from 'pg'
import t, { type Test } from 'tap'
import { migrate } from '../../src/outbox/migrate.ts'
import { eventually } from '../fixtures/eventually.ts'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { relayProcess } from '../fixtures/relay-process.ts'

/** Each flush takes 30 ms longer, as on a slow disk. Commits share flushes, but those that notify wait for one another. */
const settings = { commit_delay: '30000', commit_siblings: '0' }

async function begun(t: Test) {
  const server = await embeddedPostgres({ settings })
  t.teardown(() => server.remove())
  await migrate({ connectionString: server.url }, { schema: 'outbox', wake: 'keep' })
  const receiver = await Receiver.start()
  t.teardown(() => receiver.close())
  const relay = relayProcess(t, { databaseUrl: server.url, options: { allow: '127.0.0.1' } })
  await relay.until('registered')
  const admin = new pg.Client({ connectionString: server.url })
  await admin.connect()
  t.teardown(() => admin.end())
  const isAsleep = async (asleep: boolean) => {
    const { rows } = await admin.query(
      `select from pg_locks
        where locktype = 'advisory' and mode = 'ExclusiveLock' and granted
          and (classid::bigint << 32 | objid::bigint) = hashtextextended('ringback wake outbox', 0)`,
    )
    assert.equal(rows.length > 0, asleep)
  }
  await eventually(() => isAsleep(true))
  return { server, receiver, isAsleep }
}

t.test('where a commit takes long, a relay wakes before its producers wait for one another', async t => {
  const { server, receiver, isAsleep } = await begun(t)
  let isOver = false
  const produce = async () => {
    const producer = new pg.Client({ connectionString: server.url })
    await producer.connect()
    while (!isOver) await producer.query('insert into outbox.callback (url) values ($1)', [receiver.url('/')])
    await producer.end()
  }
  const producers = Array.from({ length: 8 }, produce)
  try {
    await eventually(() => isAsleep(false))
  } finally {
    isOver = true
    await Promise.all(producers)
  }
  await eventually(() => isAsleep(true))
})

t.test('producers that commit at the same moment hardly wait for one another, and the relay sees all rows', async t => {
  const { server, receiver, isAsleep } = await begun(t)
  const producers = await Promise.all(
    Array.from({ length: 80 }, async () => {
      const producer = new pg.Client({ connectionString: server.url })
      await producer.connect()
      t.teardown(() => producer.end())
      // 80 commits in a row take 2.4 s, 16 take half a second.
      await producer.query(`set lock_timeout = '1500ms'`)
      await producer.query('begin')
      await producer.query('insert into outbox.callback (url) values ($1)', [receiver.url('/')])
      return producer
    }),
  )
  await Promise.all(producers.map(producer => producer.query('commit')))
  await receiver.until(arrivals => arrivals.length === 80)
  await eventually(() => isAsleep(true))
})
