import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { ringback } from '../fixtures/ringback.ts'

const { client, url } = await testDatabase(t, { migrate: false })
const env = { DATABASE_URL: url }
const migrate = (...argv: string[]) => ringback(['migrate', ...argv], env)
const applied = (schema: string) => ({ code: 0, out: `schema ${schema}: 0001_outbox: applied\n`, err: '' })
const upToDate = (schema: string) => ({
  code: 0,
  out: `schema ${schema}: up to date, no migration to apply\n`,
  err: '',
})

t.test('a dry run says what would be applied; the run applies it, once', async t => {
  t.same(await migrate('--dry-run'), { code: 0, out: 'schema outbox: 0001_outbox: would be applied\n', err: '' })
  t.match(await ringback(['status'], env), { code: 3 }, 'nothing is there yet')
  t.same(await migrate(), applied('outbox'))
  t.same(await migrate(), upToDate('outbox'))
  t.same(await migrate('--dry-run'), upToDate('outbox'))
  t.match(await ringback(['status'], env), { code: 0 })
})

t.test('several outboxes live in one database, each under its own name', async t => {
  t.same(await migrate('--schema', 'x9_outbox_y'), applied('x9_outbox_y'))
  await client.query(`insert into x9_outbox_y.callback (url) values ('https://a.test/')`)
  t.match(await ringback(['status', '--schema', 'x9_outbox_y'], env), { out: /schema x9_outbox_y\nwaiting: 1 due/ })
  t.match(await ringback(['attempts', '1', '--schema', 'x9_outbox_y'], env), {
    code: 0,
    out: /pending after 0 attempts/,
  })
  await client.query(`update x9_outbox_y.callback set status = 'cancelled'`)
  t.match(await ringback(['replay', '--id', '1', '--schema', 'x9_outbox_y'], env), { code: 0 })
  t.match(await ringback(['status'], env), { out: /waiting: 0 due/ })
})

t.test('--wake poll takes the trigger away, --wake notify puts it back, and nothing said leaves it', async t => {
  const triggers = async () =>
    (await client.query(`select from pg_trigger where tgname = 'wake' and tgrelid = 'outbox.callback'::regclass`))
      .rowCount
  t.equal(await triggers(), 1)
  t.same(await migrate('--wake', 'poll'), upToDate('outbox'))
  t.equal(await triggers(), 0)
  t.same(await migrate(), upToDate('outbox'))
  t.equal(await triggers(), 0)
  t.same(await migrate('--wake', 'notify'), upToDate('outbox'))
  t.equal(await triggers(), 1)
})

t.test('a schema of a newer ringback ends with 3, wrong usage with 2, no database with 1', async t => {
  await client.query(`insert into outbox.migration (name) values ('9999_future')`)
  t.match(await migrate(), { code: 3, out: '', err: /newer Ringback \(9999_future/ })
  t.match(await migrate('--wake', 'pol', '--schema', 'Outbox'), {
    code: 2,
    out: '',
    err: /--schema \(flag\).*\n.*did you mean "poll"/,
  })
  const none = new URL(url)
  none.pathname = '/ringback_no_such_database'
  t.match(await ringback(['migrate'], { DATABASE_URL: none.href }), { code: 1, out: '', err: /does not exist\n$/ })
})
