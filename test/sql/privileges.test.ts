import { readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { asRole } from './roles.ts'
import { write, writeAs } from './rows.ts'

const { client } = await testDatabase(t)
const golden = new URL('privileges.golden.txt', import.meta.url)
const roles = ['public', 'outbox_producer', 'outbox_relay', 'outbox_operator', 'outbox_reader']

/** A line for each role and object, with what the role may do there; columns only where the whole table is not granted. */
const matrix = `
  with role as (
    select name, place from unnest($1::text[]) with ordinality as r (name, place)
  ), relation as (
    select oid, relname, relkind, case relkind when 'S' then '{SELECT,USAGE,UPDATE}'
             else '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}' end::text[] as known
      from pg_class where relnamespace = 'outbox'::regnamespace and relkind in ('r', 'v', 'S')
  ), granted as (
    select place, name, 1 as kind, 'schema outbox' as object, privilege, null as columns
      from role, unnest('{USAGE,CREATE}'::text[]) privilege
     where has_schema_privilege(name, 'outbox', privilege)
    union all
    select place, name, 2, relname, privilege, null
      from role, relation, unnest(known) privilege
     where case relkind when 'S' then has_sequence_privilege(name, oid, privilege) else has_table_privilege(name, oid, privilege) end
    union all
    select place, name, 2, relname, privilege, string_agg(attname, ', ' order by attname)
      from role, relation, unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) privilege, pg_attribute
     where relkind <> 'S' and attrelid = oid and attnum > 0 and not attisdropped
       and not has_table_privilege(name, oid, privilege) and has_column_privilege(name, oid, attname, privilege)
     group by place, name, relname, privilege
    union all
    select place, name, 3, oid::regprocedure::text, 'EXECUTE', null
      from role, pg_proc
     where pronamespace = 'outbox'::regnamespace and has_function_privilege(name, oid, 'EXECUTE')
       and (name = 'public' or not has_function_privilege('public', oid, 'EXECUTE'))
  )
  select format('%s: %s: %s', name, object, string_agg(privilege || coalesce(' (' || columns || ')', ''), ', ' order by privilege)) as line
    from granted
   group by place, name, kind, object
   order by place, kind, object collate "C"`

t.test('each role has the privileges of the golden file and no other (renew it with --snapshot)', async t => {
  const { rows } = await client.query<{ line: string }>(matrix, [roles])
  const found = rows.map(row => `${row.line}\n`).join('')
  if (process.env.TAP_SNAPSHOT === '1') await writeFile(golden, found)
  t.equal(found, await readFile(golden, 'utf8'))
})

t.test('the roles cannot log in and stand above nothing', async t => {
  const { rows } = await client.query(
    `select rolname from pg_roles
      where rolname = any ($1) and (rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)`,
    [roles],
  )
  t.same(rows, [])
})

t.test('no role owns anything, and only the vocabulary runs with its owner’s privileges', async t => {
  const owned = await client.query(
    `select relname from pg_class where relnamespace = 'outbox'::regnamespace and relowner::regrole::text = any ($1)`,
    [roles],
  )
  t.same(owned.rows, [])
  const { rows } = await client.query(`
    select proname, proconfig::text as settings from pg_proc
     where pronamespace = 'outbox'::regnamespace and prosecdef order by proname collate "C"`)
  const settings = '{"search_path=pg_catalog, pg_temp"}'
  const names = ['flow_execution_changed', 'flow_modified', 'job_execution_changed', 'write_callback']
  t.same(
    rows,
    names.map(proname => ({ proname, settings })),
  )
})

const anyRow = `(url) values ('https://crm.example/')`
const ddl = [
  'create table outbox.mine (id integer)',
  'create function outbox.mine() returns integer language sql as $$ select 1 $$',
  'alter table outbox.callback add column mine integer',
  'alter table outbox.callback disable trigger user',
  'alter table outbox.callback set (fillfactor = 100)',
  'create index on outbox.callback (url)',
  'create trigger mine after insert on outbox.callback for each row execute function outbox.wake_after_change()',
  'drop table outbox.attempt',
  'drop schema outbox cascade',
  'truncate outbox.callback',
  'truncate outbox.attempt',
]
const lock = 'lock table outbox.callback in access exclusive mode'
const set = (change: string) => `update outbox.callback set ${change}`
const attempt = `insert into outbox.attempt (callback_id, epoch, started_at, finished_at, attempt, outcome, relay) values (1, 1, now(), now(), 1, 'delivered', 'x')`
const relay = `insert into outbox.relay (name, lease, pid, host, kernel, version) values ('x', '1 s', 1, 'x', 'x', 'x')`
const hold = `insert into outbox.hold (url_prefix, reason) values ('https://crm.example/', 'x')`
const select = ['callback', 'attempt', 'lane', 'relay', 'hold'].map(table => `select from outbox.${table}`)

const forbidden: Record<string, string[]> = {
  outbox_producer: [
    ...ddl,
    lock,
    ...select,
    'select status from outbox.callback where id = 1',
    `insert into outbox.callback ${anyRow} returning id`,
    `insert into outbox.callback (url, dedupe_key) values ('https://crm.example/', 'x') on conflict (dedupe_key) where dedupe_key is not null do nothing`,
    `insert into outbox.callback (url, dedupe_key) values ('https://crm.example/', 'x') on conflict (dedupe_key) where dedupe_key is not null do update set url = excluded.url`,
    `insert into outbox.callback (url, status) values ('https://crm.example/', 'delivered')`,
    `insert into outbox.callback (url, id) overriding system value values ('https://crm.example/', 7)`,
    `insert into outbox.callback (url, message_id) values ('https://crm.example/', gen_random_uuid())`,
    `insert into outbox.callback (url, attempts) values ('https://crm.example/', 1)`,
    `insert into outbox.callback (url, rev) values ('https://crm.example/', 1)`,
    set(`status = 'pending'`),
    set(`url = 'https://crm.example/'`),
    'delete from outbox.callback',
    'select from outbox.callback for update',
    `copy outbox.callback to stdout`,
    `select setval('outbox.callback_id_seq', 1)`,
    `select nextval('outbox.callback_id_seq')`,
    `select outbox.write_callback('https://crm.example/', 'k', '{}')`,
    attempt,
    relay,
    hold,
    'delete from outbox.hold',
  ],
  outbox_relay: [
    ...ddl,
    lock,
    ...[
      'url',
      'form',
      'ordering_key',
      'dedupe_key',
      'traceparent',
      'message_id',
      'max_attempts',
      'expires_at',
      'created_at',
      'budget_from',
    ].map(column => set(`${column} = ${column}, rev = rev + 1`)),
    set('id = default'),
    `insert into outbox.callback ${anyRow}`,
    'delete from outbox.callback',
    'update outbox.attempt set outcome = outcome',
    'delete from outbox.attempt',
    'insert into outbox.lane (id) values (64)',
    'delete from outbox.lane',
    'update outbox.hold set reason = reason',
    'delete from outbox.hold',
    `select outbox.flow_modified('https://crm.example/', 1, 'paused')`,
    `select setval('outbox.callback_id_seq', 1)`,
    'delete from outbox.kysely_migration',
  ],
  outbox_operator: [
    ...ddl,
    ...[
      'attempts',
      'budget_from',
      'rev',
      'due_at',
      'settled_at',
      'dead_at',
      'claimed_at',
      'claimed_epoch',
      'last_error',
      'message_id',
      'ordering_key',
    ].map(column => set(`${column} = ${column}`)),
    `insert into outbox.callback ${anyRow}`,
    attempt,
    'update outbox.attempt set outcome = outcome',
    'update outbox.lane set owner = null',
    'delete from outbox.relay',
    relay,
    `select outbox.flow_modified('https://crm.example/', 1, 'paused')`,
  ],
  outbox_reader: [
    ...ddl,
    lock,
    `insert into outbox.callback ${anyRow}`,
    set(`status = 'pending'`),
    set(`url = url`),
    'delete from outbox.callback',
    'select from outbox.callback for update',
    attempt,
    'delete from outbox.attempt',
    'update outbox.lane set owner = null',
    relay,
    'delete from outbox.relay',
    hold,
    'delete from outbox.hold',
    `select outbox.flow_modified('https://crm.example/', 1, 'paused')`,
  ],
}

for (const [role, statements] of Object.entries(forbidden)) {
  t.test(`${role} is refused what is not its business`, async t => {
    await write(client)
    await asRole(client, role, async () => {
      for (const statement of statements) {
        await client.query('begin')
        await t.rejects(client.query(statement), { code: '42501' }, statement)
        await client.query('rollback')
      }
    })
  })
}

t.test('each role can do its work', async t => {
  const dead = await writeAs(client, 'dead')
  const work: [role: string, statement: string][] = [
    [
      'outbox_producer',
      `insert into outbox.callback (url, form, ordering_key, dedupe_key, due_at, expires_at, max_attempts, traceparent) values ('https://crm.example/', '{}', 'k', 'd', now(), now(), 1, 'x')`,
    ],
    ['outbox_producer', `select outbox.flow_modified('https://crm.example/', 1, 'paused')`],
    [
      'outbox_relay',
      `update outbox.callback set status = 'claimed', attempts = attempts + 1, claimed_at = now(), claimed_epoch = 1, rev = rev + 1 where status = 'pending'`,
    ],
    ['outbox_relay', attempt],
    ['outbox_relay', 'select from outbox.lane for key share'],
    ['outbox_relay', `update outbox.lane set owner = 'x', epoch = epoch + 1`],
    ['outbox_relay', relay],
    ['outbox_relay', 'update outbox.relay set renewals = renewals + 1'],
    ['outbox_relay', 'delete from outbox.relay'],
    ['outbox_relay', hold],
    [
      'outbox_operator',
      `update outbox.callback set status = 'pending', url = url, form = form, max_attempts = 3, expires_at = null where id = ${dead}`,
    ],
    ['outbox_operator', 'delete from outbox.attempt'],
    ['outbox_operator', 'delete from outbox.callback where settled_at is not null'],
    ['outbox_operator', hold],
    ['outbox_operator', 'update outbox.hold set reason = reason'],
    ['outbox_operator', 'delete from outbox.hold'],
    ...['outbox_relay', 'outbox_operator', 'outbox_reader'].flatMap(role =>
      [...select, 'select from outbox.kysely_migration'].map((statement): [string, string] => [role, statement]),
    ),
  ]
  for (const [role, statement] of work) {
    await asRole(client, role, () => t.resolves(client.query(statement), `${role}: ${statement}`))
  }
})
