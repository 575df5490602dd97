import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { examine } from '../../../src/commands/doctor.ts'
import { inSession } from '../../../src/commands/in-database.ts'
import type { Check } from '../../../src/operate/doctor/check.ts'
import { clock } from '../../../src/operate/doctor/checks/clock.ts'
import { openTransactions } from '../../../src/operate/doctor/checks/open-transactions.ts'
import { readAnswers } from '../../../src/operate/doctor/checks/pooler.ts'
import { preparedTransactions } from '../../../src/operate/doctor/checks/prepared-transactions.ts'
import { stalled } from '../../../src/operate/doctor/checks/stalled.ts'
import { tableLocks } from '../../../src/operate/doctor/checks/table-locks.ts'
import { timeouts } from '../../../src/operate/doctor/checks/timeouts.ts'
import { optionalTrigger, ownTriggers } from '../../../src/operate/doctor/checks/triggers.ts'
import type { Diagnosis } from '../../../src/operate/doctor/doctor.ts'
import { announcingPid } from '../../fixtures/announced-pid.ts'
import { testDatabase } from '../../fixtures/database.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { delivered, failing } from '../../fixtures/failing.ts'
import { sqlFile } from '../../sql/roles.ts'

const { client, url, name, connect } = await testDatabase(t)
const place = { databaseUrl: url, schema: 'outbox' }

type Finding = Diagnosis['findings'][number]
const diagnosed = (databaseUrl = url) => examine({ ...place, databaseUrl }, { watchMs: 0 })
const findings = async (): Promise<readonly Finding[]> => (await diagnosed()).findings

/** What a check reads. */
const facts = <Facts>({ read }: Check<Facts>, watchMs = 0): Promise<Facts> =>
  inSession(place, 'doctor', { timeoutMs: 60_000 }, session => read(session, { watchMs }))

/** Registers a relay that renews for an hour. */
const registered = (epoch: number, name: string, version = '1', standby = 'null') => `
  insert into outbox.relay (epoch, node, process, name, lease, pid, host, kernel, version)
  values (${epoch}, gen_random_uuid(), gen_random_uuid(), '${name}', '1 h', ${6 + epoch}, 'h', 'k', '${version}');
  insert into outbox.pulse (epoch, started_at, serving, digest, settings, standby) values (${epoch}, now(), true, '', '{}', ${standby});`
const gone = (epoch: number) =>
  `delete from outbox.relay where epoch = ${epoch}; delete from outbox.pulse where epoch = ${epoch}`

await client.query(registered(1, 'a'))
/** Of the server that the tests run on, which is set for speed. */
const before = (await findings()).map(each => each.check)

const { rows: allowed } = await client.query(`select current_setting('max_prepared_transactions') as count`)
const skip = allowed[0].count === '0' && 'the server allows none'

/** Plants a fault; it must be found and nothing else, and be gone when it is undone. */
async function planted(t: Test, plant: string, undo: string, expected: Partial<Record<keyof Finding, unknown>>) {
  await client.query(plant)
  try {
    t.match(
      (await findings()).filter(each => !before.includes(each.check)),
      [expected],
      plant,
    )
  } finally {
    await client.query(undo)
  }
  t.same(
    (await findings()).map(each => each.check),
    before,
    undo,
  )
}

t.test('a deletion of old callbacks that failed, or that is overdue', async t => {
  await planted(
    t,
    `insert into outbox.janitor_run (relay, ended_at, error) values ('a', now(), 'no right')`,
    'delete from outbox.janitor_run',
    { check: 'retention', severity: 'warning', found: /no right$/ },
  )
  await planted(
    t,
    `insert into outbox.janitor_run (relay, started_at, ended_at, keep_delivered) select 'a', at, at, '1 day' from unnest(array[now() - interval '3 days']) at;
     insert into outbox.callback (url, status, settled_at, rev) values ('https://a.test/', 'delivered', now() - interval '5 days', 1)`,
    'delete from outbox.janitor_run; delete from outbox.callback',
    { check: 'retention', severity: 'warning', found: /for 3 days no deletion/ },
  )
})

t.test('a freshly migrated schema is as the list of what is its own says', async t => {
  t.same((await diagnosed()).notLookedAt, [])
  t.ok(ownTriggers.includes(optionalTrigger))
  for (const check of before) t.ok(['two-phase', 'durability'].includes(check), `${check} is of the test server`)
})

t.test('row level security, on any of the tables', async t => {
  for (const table of ['callback', 'hold']) {
    const turn = (how: string) => `alter table outbox.${table} ${how} row level security`
    await planted(t, turn('enable'), turn('disable'), {
      check: 'row-security',
      severity: 'fault',
      found: RegExp(`on for ${table}$`),
    })
  }
})

t.test('a right that a restore has lost', async t => {
  await planted(
    t,
    'revoke update (status) on outbox.callback from outbox_relay',
    'grant update (status) on outbox.callback to outbox_relay',
    { check: 'privileges', severity: 'fault', found: /outbox_relay lacks UPDATE \(.*\bstatus\b.*\) on callback/ },
  )
})

t.test('the sequence', async t => {
  const alter = (cache: number) => `alter table outbox.callback alter column id set cache ${cache}`
  await planted(t, alter(32), alter(1), { check: 'sequence-cache', severity: 'warning', found: /CACHE 32/ })
})

t.test('a foreign index on what a claim changes, in its key, its predicate, an expression or a constraint', async t => {
  const on: [string, RegExp][] = [
    ['index foreign_one on outbox.callback (status)', /callback\.foreign_one \(status\)/],
    ['index foreign_one on outbox.callback (created_at) where attempts > 3', /foreign_one \(attempts\)/],
    ['index foreign_one on outbox.callback ((rev + 1))', /foreign_one \(rev\)/],
  ]
  for (const [index, found] of on) {
    const expected = { check: 'indexes-on-claimed-columns', severity: 'warning', found }
    await planted(t, `create ${index}`, 'drop index outbox.foreign_one', expected)
  }
  await planted(
    t,
    'alter table outbox.callback add constraint foreign_one unique (id, claimed_at)',
    'alter table outbox.callback drop constraint foreign_one',
    { check: 'indexes-on-claimed-columns', found: /foreign_one \(claimed_at\)/ },
  )
})

t.test('a foreign index that merely costs, on any of the tables', async t => {
  for (const on of ['callback (created_at)', 'attempt_log (relay)']) {
    const expected = { check: 'foreign-indexes', severity: 'warning', found: /\.foreign_one$/ }
    await planted(t, `create index foreign_one on outbox.${on}`, 'drop index outbox.foreign_one', expected)
  }
})

t.test('foreign triggers and rules', async t => {
  await planted(
    t,
    'create trigger wake after insert on outbox.attempt_log for each statement execute function outbox.wake_after_change()',
    'drop trigger wake on outbox.attempt_log',
    { check: 'foreign-triggers', severity: 'warning', found: /trigger attempt_log\.wake$/ },
  )
  await planted(
    t,
    'create rule nothing as on insert to outbox.hold do instead nothing',
    'drop rule nothing on outbox.hold',
    {
      check: 'foreign-triggers',
      found: /rule hold\.nothing$/,
    },
  )
})

t.test('a trigger that can leave out the changes of the relay without an error', async t => {
  await client.query('create function public.drops() returns trigger language plpgsql as $$ begin return null; end $$')
  await planted(
    t,
    'create trigger drops before update on outbox.callback for each row execute function public.drops()',
    'drop trigger drops on outbox.callback',
    {
      check: 'foreign-triggers',
      found: /trigger callback\.drops$/,
      meaning: /trigger callback\.drops can also leave out a change without an error .* waits for ever$/,
    },
  )
})

t.test('an example whose triggers an upgrade of the scheduler has dropped', async t => {
  await client.query(await sqlFile('examples/thain.sql'))
  t.same(
    (await findings()).map(each => each.check),
    before,
  )
  await planted(
    t,
    'drop trigger tell_flow_modified on scheduler.flow',
    `create trigger tell_flow_modified after update on scheduler.flow for each row
       when (old.scheduling_status is distinct from new.scheduling_status) execute function scheduler.tell_flow_modified()`,
    { check: 'idle-trigger-functions', severity: 'warning', found: /: scheduler\.tell_flow_modified$/ },
  )
  await client.query('drop schema scheduler cascade')
})

t.test('the trigger of cookbook/on_dead.sql is known', async t => {
  await client.query(await sqlFile('cookbook/on_dead.sql'))
  t.same(
    (await findings()).map(each => each.check),
    before,
  )
  await client.query('drop function outbox.tell_of_dead() cascade')
})

t.test('parts of the schema that are gone or switched off; without the wake trigger it is --wake poll', async t => {
  const { rows } = await client.query(`select pg_get_indexdef('outbox.callback_due'::regclass) as text`)
  await planted(t, 'drop index outbox.callback_due', rows[0].text, {
    check: 'missing-indexes',
    severity: 'fault',
    found: /callback_due$/,
  })
  for (const trigger of ['operator_change', 'wake']) {
    const turn = (how: string) => `alter table outbox.callback ${how} trigger ${trigger}`
    await planted(t, turn('disable'), turn('enable'), {
      check: 'missing-triggers',
      severity: 'fault',
      found: `callback.${trigger}`,
    })
  }
  await client.query('begin; drop trigger wake on outbox.callback; commit')
  t.same(
    (await findings()).map(each => each.check),
    before,
  )
  await client.query(
    'create trigger wake after insert on outbox.callback for each statement execute function outbox.wake_after_change()',
  )
})

t.test('storage parameters of the table', async t => {
  await planted(
    t,
    'alter table outbox.callback set (fillfactor = 100)',
    'alter table outbox.callback set (fillfactor = 50)',
    {
      check: 'table-parameters',
      severity: 'warning',
      found: /fillfactor is 100 instead of 50$/,
      remedy: /\(fillfactor = 50\)/,
    },
  )
  await planted(
    t,
    'alter table outbox.callback reset (autovacuum_vacuum_threshold)',
    'alter table outbox.callback set (autovacuum_vacuum_threshold = 10000)',
    { check: 'table-parameters', found: /autovacuum_vacuum_threshold is not set instead of 10000$/ },
  )
  await planted(
    t,
    'alter table outbox.callback set (autovacuum_enabled = false)',
    'alter table outbox.callback reset (autovacuum_enabled)',
    { check: 'table-autovacuum', severity: 'warning' },
  )
})

t.test('a pooler in between announces a process that does not answer', async t => {
  const pooler = await announcingPid(url, 4_711)
  t.teardown(() => pooler.close())
  const answers = await inSession({ ...place, databaseUrl: pooler.url }, 'doctor', { timeoutMs: 60_000 }, readAnswers)
  t.equal(answers.announced, 4_711)
  t.match(
    (await diagnosed(pooler.url)).findings.find(each => each.check === 'pooler'),
    { severity: 'warning', found: /4711 was announced/ },
  )
})

t.test('a transaction that stays open is found by its snapshot or its id, and one without either is not', async t => {
  const other = await connect()
  const pid = (await other.query('select pg_backend_pid() as pid')).rows[0].pid
  const seen = async () => (await facts(openTransactions)).find(each => each.pid === pid)
  await other.query('begin')
  t.equal(await seen(), undefined)
  await other.query('set transaction isolation level repeatable read; select from outbox.callback')
  const open = await seen()
  t.match(open, { application: 'test', role: String, state: 'idle in transaction' })
  t.ok(open && open.seconds >= 0 && open.seconds < 300)
  await other.query(`rollback; begin; insert into outbox.callback (url) values ('https://a.test/')`)
  const writer = await seen()
  t.ok(writer)
  // Five minutes later:
  t.match(openTransactions.judge([{ ...writer!, seconds: writer!.seconds + 300 }]), {
    found: new RegExp(`pid ${pid} \\(test, `),
  })
  await other.query('rollback')
})

t.test('a table that somebody has locked is named with who has; what cannot be read meanwhile is said', async t => {
  const other = await connect()
  await other.query('begin; lock table outbox.callback in share mode')
  const [lock] = await facts(tableLocks)
  t.match(lock, { table: 'callback', mode: 'ShareLock', application: 'test', role: String, seconds: Number })
  t.match(tableLocks.judge([{ ...lock!, seconds: 6 }]), {
    severity: 'fault',
    found: new RegExp(`pid ${lock!.pid} .* has ShareLock on callback for 6 s`),
  })
  await other.query('rollback; begin; lock table outbox.callback in access exclusive mode')
  const blind = await diagnosed()
  t.ok(blind.notMade.includes('dead') && blind.notMade.includes('overdue'))
  t.match(blind.notLookedAt, [/dead.*: .*lock timeout/])
  t.match(await facts(tableLocks), [{ mode: 'AccessExclusiveLock' }])
  await other.query('rollback')
  t.same(await facts(tableLocks), [])
})

t.test('the clock of this machine is compared with the database', async t => {
  t.ok(Math.abs(await facts(clock)) < 5)
})

t.test('a role or a database that may have fewer connections than a relay needs', async t => {
  await planted(t, `alter database ${name} connection limit 4`, `alter database ${name} connection limit -1`, {
    check: 'connection-limit',
    severity: 'warning',
    found: /4 for this database$/,
  })
})

t.test('callbacks that could be sent and are not, though a relay lives; not those that wait for something', async t => {
  const due = `now() - interval '11 s'`
  const insert = (columns: string, values: string) =>
    `insert into outbox.callback (url, created_at, ${columns}) values ('https://a.test/', ${due}, ${values})`
  const fresh = insert('form', `'{}'`)
  await planted(t, fresh, 'truncate outbox.callback', {
    check: 'stalled',
    severity: 'fault',
    found: /^1 callback is due, for up to 1\d s/,
  })
  const waiting: [string, string][] = [
    ['it came a moment ago', `insert into outbox.callback (url) values ('https://a.test/')`],
    ['it is delayed', insert('due_at', `now() + interval '1 h'`)],
    ['it is held', `${fresh}; insert into outbox.hold (url_prefix, reason) values ('https://a.test/', 'r')`],
    ['its origin has failed', `${fresh}; ${insert('due_at, attempts', `now() + interval '1 h', 1`)}`],
    [
      'something is being sent to its origin',
      `${fresh}; ${insert('status, attempts, claimed_epoch, claimed_at', `'claimed', 1, 1, now()`)}`,
    ],
    ['no relay lives', `${fresh}; update outbox.pulse set renewed_at = now() - interval '2 h'`],
  ]
  for (const [why, plant] of waiting) {
    await client.query(plant)
    t.equal(await facts(stalled), null, why)
    await client.query('truncate outbox.callback; delete from outbox.hold; update outbox.pulse set renewed_at = now()')
  }
  await client.query(
    `${insert('ordering_key, due_at', `'k', now() + interval '1 h'`)}; ${insert('ordering_key', `'k'`)}`,
  )
  t.equal(await facts(stalled), null, 'it is behind another of its key')
  await client.query('truncate outbox.callback')
})

t.test('a receiver that has only failed for ten minutes', async t => {
  const since = (minutes: number) => failing('https://ill.test/', { callbacks: 1, since: `${minutes} min` })
  await planted(t, since(11), 'truncate outbox.callback, outbox.attempt_log', {
    check: 'failing-receivers',
    severity: 'fault',
    found: /^receivers have only failed: https:\/\/ill\.test for 11 min \(status 503; 1 waits\)$/,
  })
  await client.query(since(9))
  t.same(
    (await findings()).map(each => each.check),
    before,
    'a restart takes a while',
  )
  await client.query('truncate outbox.callback, outbox.attempt_log')
  await client.query(`${since(11)}; ${delivered('https://ill.test/', `now() - interval '1 min'`)}`)
  t.same(
    (await findings()).map(each => each.check),
    before,
    'it has delivered in between',
  )
  await client.query('truncate outbox.callback, outbox.attempt_log')
})

t.test('the watching ends with the first callback that is sent', async t => {
  await client.query(
    `insert into outbox.callback (url, created_at) values ('https://a.test/', now() - interval '11 s')`,
  )
  const watched = facts(stalled, 60_000)
  await eventually(async () => {
    const { rowCount } = await client.query(
      `select from pg_stat_activity where query like '%ringback_stall%' or query like '%wanted (id)%'`,
    )
    t.ok(rowCount)
  })
  await client.query(
    `update outbox.callback set status = 'claimed', attempts = 1, claimed_epoch = 1, claimed_at = now(), rev = 1`,
  )
  t.equal(await watched, null)
  await client.query('truncate outbox.callback')
})

t.test('a prepared transaction that nobody ends', { skip }, async t => {
  const gid = `doctor ${name}`
  await client.query(`begin; create table outbox.never (); prepare transaction '${gid}'`)
  t.teardown(() => client.query(`rollback prepared '${gid}'`))
  const found = await facts(preparedTransactions)
  t.match(found, [{ gid, owner: String, seconds: Number }])
  // A minute later:
  t.match(preparedTransactions.judge(found.map(each => ({ ...each, seconds: each.seconds + 60 }))), {
    found: new RegExp(gid),
  })
  t.ok(before.includes('two-phase'), 'and that they are allowed is found')
})

t.test('timeouts of a role that may run a relay, and of the database', async t => {
  const role = `doctor_${randomBytes(4).toString('hex')}`
  await client.query(`create role ${role} login`)
  t.teardown(() => client.query(`drop role ${role}`))
  const set = `alter role ${role} set statement_timeout = '5s'`
  await client.query(set)
  t.same(
    (await facts(timeouts)).filter(each => each.of === `role ${role}`),
    [],
    'a stranger is not meant',
  )
  await client.query(`alter role ${role} reset all`)
  await planted(t, `grant outbox_relay to ${role}; ${set}`, `alter role ${role} reset all`, {
    check: 'timeouts',
    severity: 'warning',
    found: `statement_timeout = 5s for role ${role}`,
  })
  await planted(
    t,
    `alter database ${name} set idle_in_transaction_session_timeout = 900`,
    `alter database ${name} reset all`,
    { check: 'timeouts', found: /idle_in_transaction_session_timeout = 900\S* for this database/ },
  )
})

t.test('relays: none, one whose lease ran out, two versions, one that stands by', async t => {
  await planted(t, gone(1), registered(1, 'a'), { check: 'no-relay', severity: 'warning' })
  await planted(
    t,
    `update outbox.pulse set renewed_at = now() - interval '2 h'`,
    'update outbox.pulse set renewed_at = now()',
    { check: 'late-relays', severity: 'fault', found: /a \(pid 7 on h\) renewed 2 h ago/ },
  )
  await planted(t, registered(2, 'b', '2'), gone(2), { check: 'versions', severity: 'warning', found: /a 1, b 2$/ })
  await planted(t, registered(2, 'b', '1', `'its settings differ'`), gone(2), {
    check: 'standing-by',
    severity: 'warning',
    found: /^relays stand by: b, since its settings differ$/,
  })
  await planted(t, 'update outbox.pulse set forces = true', 'update outbox.pulse set forces = false', {
    check: 'forced-settings',
    severity: 'warning',
    found: /--force-settings: a$/,
  })
})

t.test('holds for days, callbacks that are dead, one that has long been due, be it fresh or a retry', async t => {
  await planted(
    t,
    `insert into outbox.hold (url_prefix, reason, held_by, held_at) values ('https://a.test/', 'r', 'eve', now() - interval '49 h')`,
    'delete from outbox.hold',
    { check: 'old-holds', severity: 'warning', found: /https:\/\/a\.test\/ for 2 days by eve/ },
  )
  await planted(
    t,
    `insert into outbox.callback (url, status, settled_at, dead_at, rev) values ('https://a.test/', 'dead', now(), now(), 1)`,
    'delete from outbox.callback',
    { check: 'dead', severity: 'warning', found: '1 callback is dead' },
  )
  for (const [created, due] of [
    [`now() - interval '20 min'`, 'null'],
    [`now() - interval '2 h'`, `now() - interval '20 min'`],
  ]) {
    await planted(
      t,
      `insert into outbox.callback (url, created_at, due_at) values ('https://a.test/', ${created}, ${due});
       insert into outbox.hold (url_prefix, reason) values ('https://a.test/', 'so that it waits')`,
      'truncate outbox.callback; delete from outbox.hold',
      { check: 'overdue', severity: 'warning', found: /due for 20 min$/ },
    )
  }
  await client.query(`insert into outbox.callback (url, created_at, due_at, rev)
    values ('https://a.test/', now() - interval '1 h', 'tomorrow', 0), ('https://a.test/', now(), now() - interval '1 h', 0)`)
  t.notOk(
    (await findings()).some(each => each.check === 'overdue'),
    'what is delayed is not overdue, nor what was planned for a time before it was written',
  )
  await client.query('truncate outbox.callback')
})
