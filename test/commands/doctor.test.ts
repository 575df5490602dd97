import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { migrate } from '../../src/outbox/migrate.ts'
import { testDatabase } from '../fixtures/database.ts'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'
import { registered } from '../fixtures/registered.ts'
import { ringback } from '../fixtures/ringback.ts'

const { client, url } = await testDatabase(t)
const env = { DATABASE_URL: url }
const doctor = (...argv: string[]) => ringback(['doctor', ...argv], env)

/** Roles that log in. */
const skip = process.env.RINGBACK_TEST_EMBEDDED !== '1' && 'another server may ask for a password'

async function withClient(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await work(client).finally(() => client.end())
}

t.test('a server as it comes, with a relay, is well; as a standby it is told what it is, and ends with 4', async t => {
  const server = await embeddedPostgres()
  t.teardown(() => server.remove())
  const there = (...argv: string[]) => ringback(['doctor', ...argv], { DATABASE_URL: server.url })
  // In this order: what asks for the wrong schema does not find it.
  for (const schema of ['x9_outbox_y', 'outbox']) {
    await migrate({ connectionString: server.url }, { schema, wake: 'notify' })
    await withClient(server.url, client => client.query(registered('a', { schema })))
    const found = await there('--schema', schema)
    t.match(found, { code: 0, out: /^\d\d checks, nothing found\n$/, err: '' }, schema)
  }
  t.match(JSON.parse((await there('--json')).out), { schema: 'outbox', findings: [], notMade: [], notLookedAt: [] })

  await server.stop()
  // Without a primary to follow it waits for one, and answers reads meanwhile.
  await writeFile(join(server.dataDir, 'standby.signal'), '')
  await server.start()
  // That it works here at all shows that it writes nothing.
  t.match(await there(), {
    code: 4,
    out: /^fault: the database is a standby .*primary.*\n\d\d checks, 1 fault\n$/,
    err: '',
  })
})

t.test('warnings end with 0 and a fault with 1; the last line counts them', async t => {
  t.match(await doctor(), {
    code: 0,
    out: /^warning: no relay runs here\. Nothing is delivered\. Remedy: .*\n\d\d checks, \d warnings?\n$/m,
  })
  await client.query(`insert into outbox.callback (url) values ('https://a.test/')`)
  t.match(await doctor(), { code: 1, out: /^fault: no relay runs here, and callbacks have waited for /m, err: '' })
  const { out, code } = await doctor('--json')
  t.equal(code, 1)
  t.match(out, /^\{.*\}\n$/, 'one line')
  t.match(
    JSON.parse(out).findings.find((each: { check: string }) => each.check === 'no-relay'),
    { severity: 'fault', found: String, meaning: String, remedy: String },
  )
  await client.query('truncate outbox.callback')
})

async function asLogin(t: Test, grant: string): Promise<string> {
  const role = `doctor_${randomBytes(4).toString('hex')}`
  await client.query(`create role ${role} login; ${grant.replaceAll('$role', role)}`)
  t.teardown(() => client.query(`drop role ${role}`))
  const as = new URL(url)
  as.username = role
  return as.href
}

t.test('the role of a reader is enough for all but the transactions of others, and that is said', { skip }, async t => {
  const reader = await asLogin(t, 'grant outbox_reader to $role')
  const { code, out } = await ringback(['doctor'], { DATABASE_URL: reader })
  t.equal(code, 0)
  t.match(out, /^not looked at: the transactions of \d+ sessions of other roles: it takes the role pg_read_all_stats$/m)
  t.match(out, /^\d\d checks, \d warnings?$/m, 'every check was made')
  const monitor = await asLogin(t, 'grant outbox_reader, pg_monitor to $role')
  t.notMatch((await ringback(['doctor'], { DATABASE_URL: monitor })).out, /not looked at/)
})

t.test('a role without any privilege is told what it could not see, and the rest', { skip }, async t => {
  const stranger = await asLogin(t, '')
  const { code, out, err } = await ringback(['doctor'], { DATABASE_URL: stranger })
  t.equal(err, '')
  t.equal(code, 1, 'a check that was not made found nothing, and is no good news')
  t.match(out, /^warning: max_prepared_transactions is 10/m)
  t.match(out, /^not looked at: the version of the schema.*: permission denied for schema outbox$/m)
  t.match(out, /^not looked at: .*dead.*: permission denied /m)
  t.match(out, /checks, .*, \d+ not made\n$/)
})

t.test('whatever others have named their things, it does not steer the terminal', async t => {
  await client.query('create index "x\u001b[2J\ny" on outbox.callback (created_at)')
  const { out } = await doctor()
  t.match(out, /callback\.x\\u001b\[2J\\u000ay/)
  t.notMatch(out.replaceAll('\n', ''), /\p{Cc}/u)
  await client.query('drop index outbox."x\u001b[2J\ny"')
})

t.test('a schema that is missing or newer ends with 3', async t => {
  t.match(await doctor('--schema', 'elsewhere'), { code: 3, out: '', err: /"elsewhere" is missing .*ringback migrate/ })
  await client.query(`insert into outbox.migration (name) values ('9999_future')`)
  t.match(await doctor(), { code: 3, out: '', err: /newer Ringback \(9999_future / })
})
