import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { asRole } from './roles.ts'
import { read, write } from './rows.ts'

const { client } = await testDatabase(t)

t.test('the shortest INSERT makes a pending callback that is due at once', async t => {
  const form = '{"flowId":1}'
  await asRole(client, 'outbox_producer', () =>
    client.query('insert into outbox.callback (url, form) values ($1, $2)', ['https://crm.example/', form]),
  )
  const { rows } = await client.query('select * from outbox.callback order by id desc limit 1')
  t.match(rows[0], {
    status: 'pending',
    attempts: 0,
    due_at: null,
    settled_at: null,
    ordering_key: null,
    origin: 'https://crm.example',
  })
  t.ok(Date.now() - rows[0].created_at < 60_000)
})

t.test('keys hold 512 bytes, counted as bytes', async t => {
  for (const key of ['', 'k'.repeat(512), `${'流'.repeat(170)}kk`, 'line\nbreak']) {
    const row = await read(client, await write(client, { ordering_key: key, dedupe_key: key }))
    t.equal(row.ordering_key, key, key.slice(0, 20))
  }
})

t.test('longer keys are refused with their length and the limit', async t => {
  for (const column of ['ordering_key', 'dedupe_key']) {
    for (const key of ['k'.repeat(513), '流'.repeat(171)]) {
      const message = new RegExp(`^${column} has 513 bytes: `)
      const hint = new RegExp(`^${column} takes at most 512 bytes`)
      await t.rejects(
        write(client, { [column]: key }),
        { code: '23514', message, hint },
        `${column} ${key.slice(0, 3)}`,
      )
    }
  }
})

t.test('a traceparent is one header value of at most 128 characters', async t => {
  for (const traceparent of ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'x'.repeat(128), null]) {
    await write(client, { traceparent })
  }
  const hint = /^traceparent takes 1 to 128 printable ASCII characters/
  for (const traceparent of ['', 'a b', '00-a\r\nx-evil: 1', 'a\n', 'x'.repeat(129), 'ü']) {
    const refusal = { code: '23514', message: /^traceparent is not a header value/, hint }
    await t.rejects(write(client, { traceparent }), refusal, JSON.stringify(traceparent.slice(0, 20)))
  }
})

t.test('max_attempts is at least 1', async t => {
  for (const max_attempts of [1, 2_147_483_647, null]) await write(client, { max_attempts })
  for (const max_attempts of [0, -1]) {
    await t.rejects(write(client, { max_attempts }), {
      code: '23514',
      message: `max_attempts is ${max_attempts}`,
      hint: /^max_attempts takes a whole number from 1/,
    })
  }
})

for (const [column, none] of [
  ['due_at', 'at once'],
  ['expires_at', 'never'],
] as const)
  t.test(`${column} is a moment, past or to come`, async t => {
    for (const time of ['2020-01-01', '2999-01-01', null]) await write(client, { [column]: time })
    for (const time of ['infinity', '-infinity']) {
      await t.rejects(write(client, { [column]: time }), {
        code: '23514',
        message: `${column} is ${time}`,
        hint: `${column} takes a finite time; null means ${none}`,
      })
    }
  })

t.test('a status that does not fit the row is refused, even when its owner writes it', async t => {
  const [settled_at, dead_at, due_at] = ['now', 'now', 'now']
  for (const columns of [
    { status: 'sent' },
    { status: 'sent', settled_at },
    { status: 'sent', settled_at, dead_at },
    { status: 'pending', settled_at },
    { status: 'pending', dead_at },
    { status: 'delivered' },
    { status: 'delivered', settled_at, dead_at },
    { status: 'delivered', settled_at, due_at },
    { status: 'cancelled' },
    { status: 'dead', settled_at },
    { status: 'dead', dead_at },
  ]) {
    const refused = { code: '23514', message: `status is ${columns.status}, which does not fit the other columns` }
    await t.rejects(write(client, columns), refused, JSON.stringify(columns))
  }
})

t.test('the origin is that of the url, whatever is written', async t => {
  const read = async (id: string) =>
    (await client.query('select url, origin from outbox.callback where id = $1', [id])).rows[0]
  const id = await write(client, { url: 'HTTPS://CRM.example.:443/a', origin: 'https://other.test' })
  t.match(await read(id), { origin: 'https://crm.example' })
  await client.query(`update outbox.callback set origin = 'https://other.test' where id = $1`, [id])
  t.match(await read(id), { origin: 'https://crm.example' })
  await client.query(`update outbox.callback set url = 'http://crm.example/b' where id = $1`, [id])
  t.match(await read(id), { origin: 'http://crm.example' })
  await client.query('begin')
  await client.query('set local session_replication_role = replica')
  t.match(await read(await write(client, { url: 'https://CRM.example/c' })), { origin: 'https://crm.example' })
  await client.query('reset session_replication_role')
  t.teardown(() => client.query('rollback'))
  await client.query(`
    create function public.rewritten() returns trigger language plpgsql as $$ begin new.url := 'https://crm.staging.test/'; return new; end $$;
    create trigger rewritten before insert on outbox.callback for each row execute function public.rewritten()`)
  t.same(await read(await write(client)), { url: 'https://crm.staging.test/', origin: 'https://crm.staging.test' })
})

t.test('a second row with the same dedupe_key is refused, and ON CONFLICT DO NOTHING passes over it', async t => {
  const text = `insert into outbox.callback (url, dedupe_key) values ('https://crm.example/', 'invoice 7')`
  await asRole(client, 'outbox_producer', async () => {
    t.equal((await client.query(text)).rowCount, 1)
    await t.rejects(client.query(text), { code: '23505', constraint: 'callback_dedupe_key' })
    t.equal((await client.query(`${text} on conflict do nothing`)).rowCount, 0)
  })
  const { rows } = await client.query(`select from outbox.callback where dedupe_key = 'invoice 7'`)
  t.equal(rows.length, 1)
})

t.test('a producer reads what an INSERT may return: id, message_id, created_at', async t => {
  const columns = 'id, message_id, created_at'
  await asRole(client, 'outbox_producer', async () => {
    const text = `insert into outbox.callback (url) values ('https://crm.example/') returning ${columns}`
    const { rows } = await client.query(text)
    t.same((await client.query(`select ${columns} from outbox.callback where id = $1`, [rows[0].id])).rows, rows)
  })
})

t.test('a message_id is a version 7 UUID that begins with the time of its INSERT', async t => {
  const { rows } = await client.query(`
    insert into outbox.callback (url) select 'https://crm.example/' from generate_series(1, 1000)
    returning message_id::text as id, extract(epoch from created_at) * 1000 as created_ms`)
  for (const { id, created_ms } of rows) {
    t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const ms = Number.parseInt(id.replace('-', '').slice(0, 12), 16)
    t.ok(Math.abs(ms - Number(created_ms)) <= 1_000, `${ms} of ${created_ms}`)
  }
  t.equal(new Set(rows.map(({ id }) => id.slice(15))).size, 1_000, 'what is behind the time is random')
})

t.test('every row has a message_id of its own, which no producer chooses', async t => {
  await client.query(`insert into outbox.callback (url) select 'https://crm.example/' from generate_series(1, 1000)`)
  const { rows } = await client.query('select count(*) = count(distinct message_id) as unique from outbox.callback')
  t.equal(rows[0].unique, true)
  const text = 'insert into outbox.callback (url, message_id) values ($1, gen_random_uuid())'
  await asRole(client, 'outbox_producer', () =>
    t.rejects(client.query(text, ['https://crm.example/']), { code: '42501' }),
  )
})

t.test('the columns of the relay cannot be written by a producer', async t => {
  const { rows } = await client.query(
    `select attname from pg_attribute where attrelid = 'outbox.callback'::regclass and attnum > 0 order by attnum`,
  )
  const producers = 'url form ordering_key dedupe_key supersede_key due_at expires_at max_attempts traceparent'.split(
    ' ',
  )
  const others = rows.map(row => row.attname).filter(name => !producers.includes(name))
  t.ok(others.includes('status') && others.includes('id') && others.length > 12)
  await asRole(client, 'outbox_producer', async () => {
    for (const column of others) {
      const insert = client.query(
        `insert into outbox.callback (url, ${column}) values ('https://crm.example/', default)`,
      )
      await t.rejects(insert, { code: '42501' }, column)
    }
  })
})

t.test('id is drawn by the database even for its owner', async t => {
  await t.rejects(write(client, { id: 7 }), { code: '428C9' })
})
