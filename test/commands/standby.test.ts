import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { migrate } from '../../src/outbox/migrate.ts'
import { Session } from '../../src/outbox/session.ts'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { ringback } from '../fixtures/ringback.ts'

t.test('on a standby nothing is claimed: every command ends with 4', async t => {
  const server = await embeddedPostgres({ settings: { fsync: 'off' } })
  t.teardown(() => server.remove())
  await migrate({ connectionString: server.url }, { schema: 'outbox', wake: 'notify' })
  await server.stop()
  // Without a primary to follow it waits for one, and answers reads meanwhile.
  await writeFile(join(server.dataDir, 'standby.signal'), '')
  await server.start()
  for (const argv of [['run'], ['status'], ['replay', '--dead', '--all'], ['migrate']]) {
    t.match(await ringback(argv, { DATABASE_URL: server.url }), { code: 4, err: /is a standby/ }, argv.join(' '))
  }
  const options = { schema: 'outbox', applicationName: 'ringback test', timeoutMs: 5_000, prepared: true }
  const opened = Session.open({ ...options, connection: { connectionString: server.url } })
  await t.rejects(opened, { code: 'RINGBACK_STANDBY', exitCode: 4 })
})
