/**
 * Somebody listens in a transaction that does not end, until the queue of notifications is full. Then COMMIT fails for
 * whoever notifies. Producers, operators and relays do not.
 */
import assert from 'node:assert/strict'
import pg from 'pg'
import t from 'tap'
import { migrate } from '../../src/outbox/migrate.ts'
import { eventually } from '../fixtures/eventually.ts'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { relayProcess } from '../fixtures/relay-process.ts'

t.test(
  'with the queue of notifications full, callbacks are written, held, released, retried and delivered',
  async t => {
    // The smallest queue of PostgreSQL 17 and later: 64 pages. By default it has 8 GB.
    const server = await embeddedPostgres({ settings: { fsync: 'off', max_notify_queue_pages: '64' } })
    t.teardown(() => server.remove())
    const databaseUrl = server.url
    await migrate({ connectionString: databaseUrl }, { schema: 'outbox', wake: 'notify' })
    const connected = async () => {
      const client = new pg.Client({ connectionString: databaseUrl })
      await client.connect()
      t.teardown(() => client.end())
      return client
    }
    const client = await connected()
    const sleeper = await connected()
    await sleeper.query('listen other')
    await sleeper.query('begin')
    await sleeper.query('select')
    await t.rejects(
      async () => {
        for (let n = 0; n < 1_000; n += 1) await client.query(`select pg_notify('other', repeat('x', 7000))`)
      },
      { code: '54000' },
    )

    const receiver = await Receiver.start()
    t.teardown(() => receiver.close())
    const options = { name: 'relay', 'log-format': 'json', allow: '127.0.0.0/8' }
    const relay = relayProcess(t, { databaseUrl, options })
    await relay.until('registered')
    const insert = (n: number) =>
      client.query<{ id: string }>(
        `insert into outbox.callback (url, ordering_key, form) values ($1, 'k', json_build_object('n', $2::int)) returning id`,
        [receiver.url('/a'), n],
      )
    const arrived = (count: number) => receiver.until(arrivals => arrivals.length === count)
    await insert(1)
    await arrived(1)
    await client.query(`insert into outbox.hold (url_prefix, reason) values ($1, 'test')`, [receiver.url('/')])
    const { rows } = await insert(2)
    await client.query('delete from outbox.hold')
    await arrived(2)
    await eventually(async () => {
      const replay = `update outbox.callback set status = 'pending' where id = $1 and status = 'delivered'`
      assert.equal((await client.query(replay, [rows[0]?.id])).rowCount, 1)
    })
    await arrived(3)
    t.equal(relay.logs.filter(({ event }) => event === 'database_away' || event === 'database_refuses').length, 0)
    relay.kill()
    t.equal((await relay.exited).code, 0)
  },
)
