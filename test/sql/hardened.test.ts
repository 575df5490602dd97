/** A database in which new functions are not for everybody: what an INSERT calls is granted by name. */
import t from 'tap'
import { migrate } from '../../src/outbox/migrate.ts'
import { testDatabase } from '../fixtures/database.ts'

t.test(
  'a producer inserts while a relay sleeps, and an operator holds, where PUBLIC may execute no new function',
  async t => {
    const database = await testDatabase(t, { migrate: false })
    const { client } = database
    await client.query('alter default privileges revoke execute on functions from public')
    await migrate({ connectionString: database.url }, { schema: 'outbox', wake: 'notify' })
    const sleeper = await database.connect()
    await sleeper.query(`select pg_advisory_lock(hashtextextended('ringback wake outbox', 0))`)
    await client.query('set role outbox_producer')
    await t.resolves(client.query(`insert into outbox.callback (url) values ('https://receiver.test/')`))
    await client.query('set role outbox_operator')
    await t.resolves(
      client.query(`insert into outbox.hold (url_prefix, reason) values ('https://receiver.test/', 'test')`),
    )
    await client.query('reset role')
    await sleeper.query('select pg_advisory_unlock_all()')
  },
)
