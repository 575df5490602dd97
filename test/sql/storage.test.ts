import { randomBytes } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { idEnd } from '../../src/ids.ts'
import { claim } from '../../src/outbox/claim.ts'
import { migrate } from '../../src/outbox/migrate.ts'
import { register } from '../../src/outbox/registration.ts'
import { Session } from '../../src/outbox/session.ts'
import { readFresh } from '../../src/outbox/tip.ts'
import { testDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { invariants } from '../fixtures/invariants.ts'
import { identity, pulse } from '../fixtures/stage.ts'
import { catalog } from './catalog.ts'
import { asRole, sqlFile } from './roles.ts'

const { client, url } = await testDatabase(t)

async function origin(url: string): Promise<string> {
  const { rows } = await client.query('insert into outbox.callback (url) values ($1) returning origin', [url])
  return rows[0].origin
}

/** Claims every fresh row as the relay does; returns how many. */
async function claimAll(): Promise<number> {
  const session = await Session.open({
    connection: { connectionString: url },
    schema: 'outbox',
    applicationName: 'ringback claim test',
    timeoutMs: 10_000,
    prepared: true,
  })
  try {
    await register(session, { ...identity, epoch: '1', name: 'relay-a' }, pulse)
    const { rows } = await readFresh(session, '1', [{ after: '0', upTo: idEnd }], 1_000)
    return (
      await claim(
        session,
        '1',
        rows.map(({ id }) => id),
      )
    ).length
  } finally {
    await session.close()
  }
}

t.test('a claim is a HOT update: it writes no index entry', async t => {
  await client.query(`
    insert into outbox.callback (url, ordering_key, dedupe_key, form)
    select 'https://crm.example/callbacks', 'key ' || n, 'once ' || n, '{"flowId":1,"flowExecutionId":2,"code":3}'
      from generate_series(1, 10) n`)
  t.equal(await claimAll(), 10)
  await eventually(async () => {
    const { rows } = await client.query(
      `select n_tup_upd::integer as updated, n_tup_hot_upd::integer as hot from pg_stat_user_tables where relid = 'outbox.callback'::regclass`,
    )
    if (rows[0].updated !== 10) throw new Error(`${rows[0].updated} updates are counted so far`)
    t.equal(rows[0].hot, 10)
  })
})

t.test('no column that a claim changes is in an index or an index predicate', async t => {
  const { rows } = await client.query(`
    select i.indexrelid::regclass::text as index, d.refobjsubid, a.attname
      from pg_index i
      join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refobjid = i.indrelid
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = d.refobjsubid
     where i.indrelid = 'outbox.callback'::regclass
       and a.attname in ('status', 'attempts', 'claimed_at', 'claimed_epoch', 'rev')`)
  t.same(rows, [])
})

t.test('origin is scheme, host and port in one spelling', async t => {
  const origins: [url: string, origin: string][] = [
    ['HTTP://CRM.Example/Path', 'http://crm.example'],
    ['http://crm.example:80/path', 'http://crm.example'],
    ['http://crm.example:443', 'http://crm.example:443'],
    ['https://crm.example:443?a=b', 'https://crm.example'],
    ['https://crm.example:80/', 'https://crm.example:80'],
    ['https://crm.example:4430/', 'https://crm.example:4430'],
    ['https://CRM.example:8443/a@b:443', 'https://crm.example:8443'],
    ['http://[2001:DB8::80]/', 'http://[2001:db8::80]'],
    ['http://[2001:DB8::1]:80/', 'http://[2001:db8::1]'],
    ['https://[::1]:443', 'https://[::1]'],
  ]
  for (const [url, expected] of origins) t.equal(await origin(url), expected, url)
})

t.test('an amended url moves the row to its origin', async t => {
  const { rows } = await client.query(
    `update outbox.callback set url = 'https://new.example:443/' where url = 'http://crm.example:80/path' returning origin`,
  )
  t.same(rows, [{ origin: 'https://new.example' }])
})

t.test(
  'what waits stands in one range of its index, with its due time, which is never before it was written',
  async t => {
    const place = `select id, (case when due_at is not null then greatest(due_at, created_at) end)::text as place from outbox.callback where id = any ($1)`
    const { rows } = await client.query<{ id: string }>(`
    insert into outbox.callback (url, created_at, due_at)
    values ('https://a.test/', '2026-01-31Z', null), ('https://a.test/', '2026-01-31Z', '2026-02-01Z'), ('https://a.test/', '2026-01-31Z', '2020-01-01Z')
    returning id`)
    const ids = rows.map(({ id }) => id)
    const places = (await client.query<{ place: string | null }>(`${place} order by id`, [ids])).rows
    t.match(places, [{ place: null }, { place: /^2026-02-01/ }, { place: /^2026-01-31/ }])
  },
)

t.test('what is settled has no due time', async t => {
  for (const due_at of ['2026-02-01', 'infinity'])
    await t.rejects(
      client.query(
        `insert into outbox.callback (url, status, settled_at, due_at) values ('https://a.test/', 'delivered', now(), $1)`,
        [due_at],
      ),
      { code: '23514' },
    )
})

t.test('everything has a comment, and each status and outcome is explained', async t => {
  const { rows } = await client.query<{ object: string; comment: string | null }>(`
    select format('%s.%s', relname, attname) as object, col_description(c.oid, attnum) as comment
      from pg_class c join pg_attribute on attrelid = c.oid and attnum > 0 and not attisdropped
     where relnamespace = 'outbox'::regnamespace and relkind in ('r', 'v')
    union all
    select relname, obj_description(oid, 'pg_class') from pg_class
     where relnamespace = 'outbox'::regnamespace and relkind in ('r', 'v')
    union all
    select oid::regprocedure::text, obj_description(oid, 'pg_proc') from pg_proc where pronamespace = 'outbox'::regnamespace
    union all
    select typname, obj_description(oid, 'pg_type') from pg_type where typnamespace = 'outbox'::regnamespace and typtype = 'd'`)
  t.same(
    rows.filter(row => !row.comment).map(row => row.object),
    [],
  )
  const explained: Record<string, string[]> = {
    'callback.status': ['pending', 'claimed', 'delivered', 'dead', 'cancelled'],
    'attempt.outcome': ['delivered', 'rejected', 'failed', 'not_sent', 'unknown'],
  }
  for (const [column, values] of Object.entries(explained)) {
    const comment = rows.find(row => row.object === column)?.comment ?? ''
    for (const value of values) t.ok(comment.includes(`${value}: `), `${column} ${value}`)
  }
})

t.test('schema.sql and the migrations make the same schema', async t => {
  const plain = await testDatabase(t, { migrate: false })
  await plain.client.query(await sqlFile('schema.sql'))
  await plain.client.query(invariants)
  const expected = await catalog(client, 'outbox')
  t.ok(expected.length > 150, `${expected.length} lines`)
  t.same(await catalog(plain.client, 'outbox'), expected)
})

t.test('a schema of another name stands beside it, alike and apart', async t => {
  const second = `outbox_${randomBytes(4).toString('hex')}`
  // Roles belong to the cluster. Registered first, done last: when no database refers to them any more.
  t.teardown(() => dropRoles(second))
  const both = await testDatabase(t)
  await migrate({ connectionString: both.url }, { schema: second, wake: 'notify' })
  await both.client.query(invariants.replaceAll('outbox.', `${second}.`))
  const alike = (await catalog(both.client, second)).map(line => line.replaceAll(second, 'outbox'))
  t.same(alike.sort(), (await catalog(both.client, 'outbox')).sort())

  const listener = await both.connect()
  const woken = new Promise(resolve => listener.on('notification', ({ channel }) => resolve(channel)))
  await listener.query(`listen outbox; listen ${second}`)
  await listener.query(`select pg_advisory_lock(hashtextextended('ringback wake ${second}', 0))`)
  await asRole(both.client, `${second}_producer`, () =>
    both.client.query(`select ${second}.flow_modified('https://crm.example/', 3, 'paused')`),
  )
  t.equal(await woken, second)
  await listener.query('select pg_advisory_unlock_all()')
  t.equal((await both.client.query('select from outbox.callback')).rowCount, 0)
  t.equal((await both.client.query(`select from ${second}.callback`)).rowCount, 1)
  await asRole(both.client, 'outbox_producer', () =>
    t.rejects(both.client.query(`insert into ${second}.callback (url) values ('https://crm.example/')`), {
      code: '42501',
    }),
  )
})

async function dropRoles(schema: string): Promise<void> {
  const admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL ?? '' })
  await admin.connect()
  try {
    const roles = ['producer', 'relay', 'operator', 'reader'].map(role => `${schema}_${role}`)
    await admin.query(`drop role ${roles}`)
  } finally {
    await admin.end()
  }
}
