import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { asRole } from './roles.ts'
import { write, writeAs } from './rows.ts'

const { client } = await testDatabase(t)

const anyRow = `(url) values ('https://crm.example/')`
const ddl = [
  'create table outbox.mine (id integer)',
  'create function outbox.mine() returns integer language sql as $$ select 1 $$',
  'alter table outbox.callback add column mine integer',
  'alter table outbox.callback disable trigger user',
  'alter table outbox.callback set (fillfactor = 100)',
  'create index on outbox.callback (url)',
  'create trigger mine after insert on outbox.callback for each row execute function outbox.wake_after_change()',
  'drop view outbox.attempt',
  'drop table outbox.attempt_log',
  'drop schema outbox cascade',
  'truncate outbox.callback',
  'truncate outbox.attempt_log',
]
const lock = 'lock table outbox.callback in access exclusive mode'
/** Whoever may DELETE from a table may lock it in any mode; ROW EXCLUSIVE is what UPDATE itself takes. */
const locks = ['callback', 'attempt_log', 'relay', 'pulse'].flatMap(table =>
  ['access exclusive', 'share', 'row exclusive'].map(mode => `lock table outbox.${table} in ${mode} mode`),
)
const set = (change: string) => `update outbox.callback set ${change}`
const attempt = `insert into outbox.attempt_log (callback_id, message_id, epoch, started_at, finished_at, attempt, outcome, relay) values (1, gen_random_uuid(), 1, now(), now(), 1, 'delivered', 'x')`
const relay = `insert into outbox.relay (epoch, node, process, name, lease, pid, host, kernel, version) values (1, gen_random_uuid(), gen_random_uuid(), 'x', '1 s', 1, 'x', 'x', 'x')`
const pulse = `insert into outbox.pulse (epoch, started_at, serving, digest, settings) values (1, now(), true, '', '{}')`
/** A registration, what it says, and the salt of what it says. */
const membership = [
  relay,
  pulse,
  'update outbox.relay set epoch = 1',
  'update outbox.pulse set renewals = 7',
  'delete from outbox.relay',
  'delete from outbox.pulse',
  'select from outbox.relay for key share',
  'select from outbox.salt',
]
const hold = `insert into outbox.hold (url_prefix, reason) values ('https://crm.example/', 'x')`
const janitor = [
  `insert into outbox.janitor_run (relay) values ('x')`,
  'update outbox.janitor_run set deleted = 7',
  'delete from outbox.janitor_run',
]
const act = `insert into outbox.operation (act, condition, done, left_alone) values ('cancel', 'id = 1', 1, 0)`
/** Who did what and when is for nobody to write, and only the janitor takes it away. */
const forgeries = [
  `insert into outbox.operation (act, condition, done, acted_by) values ('cancel', 'id = 1', 1, 'somebody else')`,
  `insert into outbox.operation (act, condition, done, acted_at) values ('cancel', 'id = 1', 1, '2000-01-01')`,
  `insert into outbox.operation (act, condition, done, program) values ('cancel', 'id = 1', 1, 'x')`,
  `insert into outbox.operation (id, act, condition, done) overriding system value values (1, 'cancel', 'id = 1', 1)`,
  ...['acted_by', 'acted_at', 'program', 'act', 'condition', 'left_alone'].map(
    column => `update outbox.operation set ${column} = ${column}`,
  ),
  `insert into outbox.hold (url_prefix, reason, held_at) values ('https://crm.example/', 'x', 'infinity')`,
  ...['held_by', 'held_at'].map(column => `update outbox.hold set ${column} = ${column}`),
]
const heldBy = `insert into outbox.hold (url_prefix, reason, held_by) values ('https://crm.example/', 'x', 'somebody else')`
const forget = 'delete from outbox.operation'
const select = ['callback', 'attempt', 'relay', 'pulse', 'hold', 'janitor_run', 'operation'].map(
  table => `select from outbox.${table}`,
)
/** It is read through outbox.attempt. */
const log = ['select outcome from outbox.attempt_log', 'delete from outbox.attempt_log']

/** Called in its place by a trigger, by another function or by one role alone. */
const inner = [
  'hint(7)',
  'new_callback()',
  'operator_change()',
  'refuse_delete()',
  'tell_of_holds()',
  'wake_after_change()',
  `code_of('state', 'running', '{running}', '{3}')`,
  `required('flow_id', 1)`,
  `execution_form(1, 2, 3, null)`,
  `write_callback('https://crm.example/', 'k', '{}')`,
].map(call => `select outbox.${call}`)
const vocabulary = [
  `flow_modified('https://crm.example/', 1, 'paused')`,
  `flow_execution_changed('https://crm.example/', 1, 2, 'running')`,
  `job_execution_changed('https://crm.example/', 1, 2, 'running')`,
].map(call => `select outbox.${call}`)
const purge = `outbox.purge(delivered_before => now(), dead_before => now(), id => 77)`
const holdGone = `select outbox.hold_gone('https://crm.example/', 'x', 'x')`
const sequences = ['callback_id_seq', 'hold_id_seq', 'janitor_run_id_seq', 'operation_id_seq'].flatMap(name => [
  `select nextval('outbox.${name}')`,
  `select setval('outbox.${name}', 1)`,
  `select last_value from outbox.${name}`,
])
/** Where what the relay reads ends. */
const lastId = 'select last_value from outbox.callback_id_seq'
/** Columns that say what others have written, or what has become of it. */
const unread = [
  'url',
  'form',
  'ordering_key',
  'dedupe_key',
  'supersede_key',
  'status',
  'attempts',
  'last_error',
  'origin',
  'claimed_at',
]
const books = ['insert into outbox.migration values (1)', 'delete from outbox.migration']

const forbidden: Record<string, string[]> = {
  outbox_producer: [
    ...ddl,
    lock,
    'lock table outbox.callback in access share mode',
    ...select.filter(each => !each.endsWith('.callback')),
    ...unread.map(column => `select ${column} from outbox.callback where id = 1`),
    ...unread.map(column => `insert into outbox.callback ${anyRow} returning ${column}`),
    'select * from outbox.callback',
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
    ...inner,
    ...sequences,
    ...books,
    'select from outbox.migration',
    holdGone,
    `select ${purge}`,
    attempt,
    ...log,
    ...membership,
    hold,
    'update outbox.hold set reason = reason',
    'delete from outbox.hold',
    act,
    forget,
  ],
  outbox_relay: [
    ...ddl,
    act,
    ...forgeries,
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
    'update outbox.attempt_log set outcome = outcome',
    'select outcome from outbox.attempt_log',
    ...[
      ...['server = now()', 'registered_at = now()', `lease = '1 h'`, `name = 'x'`, 'node = gen_random_uuid()'].map(
        change => `update outbox.relay set ${change}`,
      ),
      'update outbox.pulse set started_at = now()',
      'update outbox.salt set salt = salt',
    ],
    'update outbox.hold set reason = reason',
    'delete from outbox.hold',
    ...inner,
    ...vocabulary,
    ...sequences.filter(each => each !== lastId),
    ...books,
    `select ${purge}`,
  ],
  outbox_operator: [
    ...ddl,
    ...forgeries,
    heldBy,
    forget,
    ...locks,
    'delete from outbox.callback',
    ...log,
    ...[
      'attempts',
      'budget_from',
      'rev',
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
    'update outbox.attempt_log set outcome = outcome',
    ...membership,
    ...janitor,
    ...inner,
    ...vocabulary,
    ...sequences,
    ...books,
    holdGone,
  ],
  outbox_reader: [
    ...ddl,
    act,
    ...forgeries,
    forget,
    lock,
    `insert into outbox.callback ${anyRow}`,
    set(`status = 'pending'`),
    set(`url = url`),
    'delete from outbox.callback',
    'select from outbox.callback for update',
    attempt,
    ...log,
    ...membership,
    hold,
    'delete from outbox.hold',
    ...janitor,
    ...inner,
    ...vocabulary,
    ...sequences,
    ...books,
    holdGone,
    `select ${purge}`,
  ],
  // A role of PostgreSQL's own, which has nothing to do with us, stands for any other.
  pg_signal_backend: [
    ...ddl,
    lock,
    ...select,
    ...log,
    `insert into outbox.callback ${anyRow}`,
    set(`status = 'cancelled'`),
    'delete from outbox.callback',
    attempt,
    relay,
    hold,
    ...inner,
    ...vocabulary,
    ...sequences,
    holdGone,
    `select ${purge}`,
    'select outbox.relay_sleeps()',
    `select '{}'::outbox.form`,
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
      `insert into outbox.callback (url, form, ordering_key, dedupe_key, supersede_key, due_at, expires_at, max_attempts, traceparent) values ('https://crm.example/', '{}', 'k', 'd', 's', now(), now(), 1, 'x')`,
    ],
    ...vocabulary.map((statement): [string, string] => ['outbox_producer', statement]),
    [
      'outbox_relay',
      `update outbox.callback set status = 'claimed', attempts = attempts + 1, claimed_at = now(), claimed_epoch = 1, rev = rev + 1 where status = 'pending'`,
    ],
    ['outbox_relay', attempt],
    ['outbox_relay', relay],
    ['outbox_relay', pulse],
    ['outbox_relay', 'select from outbox.relay for key share'],
    ['outbox_relay', 'select from outbox.pulse for update'],
    ['outbox_relay', 'update outbox.pulse set renewals = renewals + 1, renewed_at = clock_timestamp()'],
    ['outbox_relay', 'delete from outbox.relay'],
    ['outbox_relay', 'delete from outbox.pulse'],
    ['outbox_relay', lastId],
    ['outbox_relay', 'select from outbox.salt'],
    ['outbox_relay', hold],
    ['outbox_relay', holdGone],
    ['outbox_relay', `delete from outbox.callback where status = 'dead' and id <> ${dead}`],
    ['outbox_relay', 'delete from outbox.attempt_log where callback_id = 0'],
    ...janitor.map((statement): [string, string] => ['outbox_relay', statement]),
    [
      'outbox_operator',
      `update outbox.callback set status = 'pending', url = url, form = form, max_attempts = 3, expires_at = null, due_at = due_at where id = ${dead}`,
    ],
    ['outbox_operator', `select ${purge}`],
    ['outbox_operator', hold],
    ['outbox_operator', 'update outbox.hold set reason = reason'],
    ['outbox_operator', 'delete from outbox.hold'],
    ['outbox_operator', act],
    ['outbox_operator', 'update outbox.operation set done = done + 1'],
    ['outbox_relay', forget],
    ...['outbox_relay', 'outbox_operator', 'outbox_reader'].flatMap(role =>
      [...select, 'select from outbox.migration'].map((statement): [string, string] => [role, statement]),
    ),
  ]
  for (const [role, statement] of work) {
    await asRole(client, role, () => t.resolves(client.query(statement), `${role}: ${statement}`))
  }
})
