import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { ringback } from '../fixtures/ringback.ts'
import { claim } from '../sql/rows.ts'

const { client, url } = await testDatabase(t)
const env = { DATABASE_URL: url }
const cancel = (...argv: string[]) => ringback(['cancel', ...argv], env)

t.beforeEach(async () => {
  await client.query('truncate outbox.callback restart identity')
  await client.query(`
    insert into outbox.callback (url, ordering_key) values
      ('https://crm.example/a', 'x'), ('https://crm.example/b', 'y'), ('https://crm.example.evil/', 'x'), ('https://other.example/', null)`)
})

async function cancelled(): Promise<string> {
  const { rows } = await client.query(`select id from outbox.callback where status = 'cancelled' order by id`)
  return rows.map(({ id }) => id).join(' ')
}

t.test('by url, by key and by id; a dry run says the same and changes nothing', async t => {
  t.same(await cancel('--url', 'https://crm.example/', '--dry-run'), {
    code: 0,
    out: 'would cancel 2 callbacks\n',
    err: '',
  })
  t.equal(await cancelled(), '')
  t.same(await cancel('--url', 'https://crm.example/'), { code: 0, out: '2 callbacks cancelled\n', err: '' })
  t.equal(await cancelled(), '1 2')
  t.same(await cancel('--key', 'x'), { code: 0, out: '1 callback cancelled\n', err: '' })
  t.equal(await cancelled(), '1 2 3')
  t.same(await cancel('--id', '4,3,99'), {
    code: 1,
    out: '1 callback cancelled\n',
    err: 'callback 3 is cancelled already; it was left alone\ncallback 99 does not exist in this schema\n',
  })
  t.equal(await cancelled(), '1 2 3 4')
})

t.test('what is being sent is left alone, and that is said', async t => {
  await claim(client, '1')
  t.same(await cancel('--url', 'https://crm.example/'), {
    code: 1,
    out: '1 callback cancelled\n',
    err: '1 callback is being sent; repeat this in a minute\n',
  })
  t.same(await cancel('--id', '1'), {
    code: 1,
    out: '0 callbacks cancelled\n',
    err: 'callback 1 is being sent; it was left alone\n',
  })
  t.equal(await cancelled(), '2')
})

t.test('a prefix that ends within the host is refused, since other hosts begin with it, too', async t => {
  for (const prefix of ['https://crm.example', 'https://crm', 'https:///x'])
    t.match(await cancel('--url', prefix), { code: 2, out: '', err: /with the \/ after its host, such as/ }, prefix)
})

t.test('the origin is compared as a hold compares it, what follows as text', async t => {
  await client.query(`
    insert into outbox.callback (url) values
      ('https://CRM.example/b'), ('HTTPS://crm.example.:443?c'), ('https://crm.example:8443/b'), ('http://crm.example/b'),
      ('https://crm.example/B'), ('https://crm.example/b?'), ('https://crm.example/b?c')`)
  await cancel('--url', 'https://Crm.Example:443/b?')
  t.equal(await cancelled(), '11')
  await cancel('--url', 'https://Crm.Example:443/b')
  t.equal(await cancelled(), '2 5 10 11')
  await cancel('--url', 'https://crm.example/?')
  t.equal(await cancelled(), '2 5 6 10 11')
  await cancel('--url', 'https://crm.example/')
  t.equal(await cancelled(), '1 2 5 6 9 10 11')
})

t.test('what only `new URL` reads as the end of a host is no beginning', async t => {
  for (const prefix of [
    'https://crm.example\\x/',
    'https://crm.example#/',
    'https://a@crm.example/',
    'https://crm .example/',
  ])
    t.match(await cancel('--url', prefix), { code: 2, out: '', err: /with the \/ after its host/ }, prefix)
})

t.test('exactly one of --id, --url and --key', async t => {
  t.match(await cancel(), { code: 2, err: /exactly one of --id, --url and --key/ })
  t.match(await cancel('--id', '1', '--key', 'x'), { code: 2, err: /exactly one of --id, --url and --key/ })
})
