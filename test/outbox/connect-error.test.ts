/** What a newcomer reads when the database cannot be reached: what was tried, and what to do. No word of the driver's own. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { Session } from '../../src/outbox/session.ts'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { ringback } from '../fixtures/ringback.ts'

const options = { schema: 'outbox', applicationName: 'test', timeoutMs: 5_000, prepared: false }
const open = (connectionString: string) => Session.open({ ...options, connection: { connectionString } })

/** Where something else listens that answers so. */
async function stranger(t: Pick<Test, 'teardown'>, answer: (socket: Socket) => void) {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a server that wants a password, and got none or a wrong one', async t => {
  const server = await embeddedPostgres({ settings: { fsync: 'off' } })
  t.teardown(() => server.remove())
  const admin = new pg.Client({ connectionString: server.url })
  await admin.connect()
  await admin.query(`set password_encryption = 'md5'; create role md5 login password 'secret'`)
  await admin.query(`set password_encryption = 'scram-sha-256'; create role scram login password 'secret'`)
  const lines = ['md5 md5', 'scram scram-sha-256', 'all trust'].map(
    line => `host all ${line.replace(' ', ' 127.0.0.1/32 ')}\n`,
  )
  await writeFile(join(server.dataDir, 'pg_hba.conf'), lines.join(''))
  await admin.query('select pg_reload_conf()')
  await admin.end()
  const place = `127.0.0.1:${server.port}`
  for (const role of ['md5', 'scram']) {
    const wants = `the server at ${place} asks for a password for user "${role}", and none was given; put it into DATABASE_URL`
    await t.rejects(open(`postgres://${role}@${place}/postgres`), {
      code: 'RINGBACK_PASSWORD',
      message: new RegExp(wants),
    })
    const wrong = { code: '28P01', message: `password authentication failed for user "${role}"` }
    await t.rejects(open(`postgres://${role}:hunter2@${place}/postgres`), wrong)
    for (const argv of [['status'], ['migrate'], ['run', '--log-level', 'fatal']]) {
      const { code, err } = await ringback(argv, { DATABASE_URL: `postgres://${role}@${place}/postgres` })
      t.equal(code, 2, 'a relay does not try again what cannot succeed')
      t.match(err, wants)
      t.notMatch(err, /SASL|SCRAM|must be a|Deprecat/)
    }
  }
  const noTls = new RegExp(`^${place} has no TLS; leave sslmode out of DATABASE_URL, or turn ssl on in the server$`)
  const { code, err } = await ringback(['status'], { DATABASE_URL: `${server.url}?sslmode=require` })
  t.equal(code, 1)
  t.match(err.replace(/^ringback: /, '').trim(), noTls)
})

t.test('neither DATABASE_URL nor PGHOST is set: that is said before what became of the defaults', async t => {
  for (const argv of [['status'], ['migrate'], ['doctor']]) {
    const { code, out, err } = await ringback(argv, { PGPORT: '1', USER: 'anna' })
    t.match(
      err,
      /^ringback: DATABASE_URL is not set, and neither is PGHOST; nothing listens at localhost:1 \(ECONNREFUSED\)/,
    )
    t.same([code, out], [1, ''])
  }
  const { err } = await ringback(['status'], { PGHOST: '/nowhere', PGPORT: '1', USER: 'anna' })
  t.match(err, /^ringback: nothing listens at the socket of port 1 in \/nowhere \(ENOENT\)/)
})

t.test('what listens there is not PostgreSQL', async t => {
  const web = await stranger(t, socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const closes = (place: string) => ({ message: new RegExp(`^${place} closed the connection before it had answered`) })
  await t.rejects(open(`postgres://u@${web}/d`), closes(web))
  await t.rejects(open(`postgres://u@${web}/d?sslmode=verify-full`), {
    message: `what listens at ${web} does not speak the protocol of PostgreSQL`,
  })
  const closing = await stranger(t, socket => socket.destroy())
  await t.rejects(open(`postgres://u@${closing}/d`), closes(closing))
})

t.test('a host that nobody knows', async t => {
  await t.rejects(open('postgres://u@no-such-host.invalid/d'), {
    message: /^the host of no-such-host\.invalid:5432 could not be looked up \(E\w+\)$/,
    cause: Error,
  })
})
