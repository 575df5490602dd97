import t from 'tap'
import { connectMsOf, hostsOf, isDatabaseUrl, sameHost } from '../../src/outbox/hosts.ts'

const hosts = (connectionString: string) =>
  hostsOf({ connectionString }).map(({ name, connection }) => [name, connection.connectionString])

t.test('each host of a URL gets all the rest of it', async t => {
  t.same(hosts('postgres://u:p,%40@h1:5432,h2/db?target_session_attrs=primary&sslmode=verify-full'), [
    ['h1:5432', 'postgres://u:p,%40@h1:5432/db?target_session_attrs=primary&sslmode=verify-full'],
    ['h2', 'postgres://u:p,%40@h2/db?target_session_attrs=primary&sslmode=verify-full'],
  ])
  t.same(hosts('postgresql://[::1]:1,[::2]:2'), [
    ['[::1]:1', 'postgresql://[::1]:1'],
    ['[::2]:2', 'postgresql://[::2]:2'],
  ])
})

t.test('one host, or none, is left as it is', async t => {
  for (const url of ['postgres://u@h:1/db?options=-c%20a%3D1,2', 'postgres:///db?host=/run', 'postgres://u@/db']) {
    t.same(hosts(url).length, 1)
    t.equal(hostsOf({ connectionString: url })[0]?.connection.connectionString, url)
  }
  t.same(hostsOf({}), [{ name: '', connection: {} }], 'libpq’s variables say where')
})

t.test('the same host of a URL that may have changed', async t => {
  const connection = { connectionString: 'postgres://u:new@a,b/db' }
  t.same(sameHost('b', connection), { connectionString: 'postgres://u:new@b/db' })
  t.same(sameHost('gone', connection), { connectionString: 'postgres://u:new@a/db' })
})

t.test('URLs that can be connected to', async t => {
  const fits = ['postgres://u:p@a:1,b:2/db', 'postgres://u@/db', 'postgresql://a,b?target_session_attrs=read-write']
  for (const url of fits) t.ok(isDatabaseUrl(url), url)
  const unfit = [
    'postgres://a:1,b:x/db',
    'postgres://a,b?target_session_attrs=standby',
    'mysql://a,b/db',
    'postgres://',
  ]
  for (const url of unfit) t.notOk(isDatabaseUrl(url), url)
})

t.test('connect_timeout is in seconds, as libpq has it', async t => {
  t.equal(connectMsOf({ connectionString: 'postgres://a,b?connect_timeout=7' }, 2), 7_000)
  for (const url of ['postgres://a?connect_timeout=0', 'postgres://a'])
    t.equal(connectMsOf({ connectionString: url }, 1), 5_000)
  t.equal(connectMsOf({ connectionString: 'postgres://a,b' }, 2), 2_000)
})
