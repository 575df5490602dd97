import { writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { migrate } from '../../src/outbox/migrate.ts'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { relayProcess } from '../fixtures/relay-process.ts'

t.test('a rotated password in DATABASE_URL_FILE is taken up without a restart', async t => {
  const server = await embeddedPostgres({ settings: { fsync: 'off' } })
  t.teardown(() => server.remove())
  await migrate({ connectionString: server.url }, { schema: 'outbox', wake: 'keep' })
  const admin = new pg.Client({ connectionString: server.url })
  await admin.connect()
  t.teardown(() => admin.end())
  await admin.query(`create role mover login password 'first' in role outbox_relay`)
  const hba = join(server.dataDir, 'pg_hba.conf')
  await writeFile(hba, `host all mover all scram-sha-256\n${await readFile(hba, 'utf8')}`)
  await admin.query('select pg_reload_conf()')

  const file = join(t.testdir(), 'url')
  const store = (password: string) => writeFileSync(file, server.url.replace('postgres@', `mover:${password}@`))
  store('first')
  const receiver = await Receiver.start()
  t.teardown(() => receiver.close())
  const relay = relayProcess(t, {
    databaseUrl: '',
    options: { name: 'relay', allow: '127.0.0.1', 'database-url-file': file },
  })
  await relay.until('registered')
  await admin.query(`alter role mover password 'second'`)
  await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'mover'`)
  t.match(await relay.until('database_refuses'), { err: { code: '28P01' } })
  writeFileSync(file, 'nothing')
  relay.kill('SIGHUP')
  t.match((await relay.until('config_refused')).faults, /holds something else, which is not shown$/)
  store('second')
  relay.kill('SIGHUP')
  await relay.until('config_reloaded')
  await relay.until('database_back')
  await admin.query('insert into outbox.callback (url) values ($1)', [receiver.url('/after')])
  await receiver.until(arrivals => arrivals.length === 1)
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
  t.notMatch(JSON.stringify(relay.logs), /first|second/)
})
