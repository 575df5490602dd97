import { readdir } from 'node:fs/promises'
import type pg from 'pg'
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { asRole, sqlFile } from './roles.ts'

/**
 * Whatever a role or a database has set, the same rows are written and the same ones refused. A body of a function is read
 * anew in each session, with that session's settings: `'\S'` in one was `'S'` where standard_conforming_strings was off.
 */
type Settings = readonly (readonly [name: string, value: string])[]
const hostile: Settings = [
  ['standard_conforming_strings', 'off'],
  ['backslash_quote', 'off'],
  ['escape_string_warning', 'off'],
  ['array_nulls', 'off'],
  ['bytea_output', 'escape'],
  ['check_function_bodies', 'off'],
  ['client_encoding', 'LATIN1'],
  ['client_min_messages', 'error'],
  ['datestyle', 'German, DMY'],
  ['datestyle', 'SQL, MDY'],
  ['debug_discard_caches', '0'],
  ['default_text_search_config', 'pg_catalog.german'],
  ['default_transaction_deferrable', 'on'],
  ['default_transaction_isolation', 'serializable'],
  ['extra_float_digits', '-15'],
  ['intervalstyle', 'sql_standard'],
  ['jit_above_cost', '0'],
  ['lc_messages', 'POSIX'],
  ['lc_monetary', 'POSIX'],
  ['lc_numeric', 'POSIX'],
  ['lc_time', 'POSIX'],
  ['plan_cache_mode', 'force_generic_plan'],
  ['plpgsql.extra_errors', 'all'],
  ['plpgsql.variable_conflict', 'use_column'],
  ['plpgsql.variable_conflict', 'use_variable'],
  ['quote_all_identifiers', 'on'],
  ['row_security', 'off'],
  ['search_path', ''],
  ['search_path', 'evil, pg_catalog'],
  ['timezone', 'Asia/Kathmandu'],
  ['transform_null_equals', 'on'],
  ['xmlbinary', 'hex'],
  ['xmloption', 'document'],
]

const { client, connect } = await testDatabase(t)
const thain = await sqlFile('examples/thain.sql')
await client.query(thain)
// What a session may find before pg_catalog.
await client.query(`
  create schema evil;
  grant usage on schema evil to public;
  create function evil.never(text, text) returns boolean language sql as $$ select false $$;
  create operator evil.~ (leftarg = text, rightarg = text, function = evil.never);
  create operator evil.!~ (leftarg = text, rightarg = text, function = evil.never);
  create function evil.octet_length(text) returns integer language sql as $$ select 0 $$;
  create function evil.left(text, integer) returns text language sql as $$ select 'evil' $$;
  create function evil.to_jsonb(anyelement) returns jsonb language sql as $$ select '{}'::jsonb $$;
  create function evil.json_typeof(json) returns text language sql as $$ select 'object' $$`)

type Step = readonly [role: string | null, text: string, values?: readonly unknown[]]

const crm = 'https://crm.example/callbacks'
const insert = 'insert into outbox.callback (url, form, ordering_key, traceparent) values ($1, $2, $3, $4)'
const into = (form: string, url = crm): Step => ['outbox_producer', insert, [url, form, 'k', '00-ab-cd-01']]
const call = (name: string, ...values: unknown[]): Step => [
  'outbox_producer',
  `select outbox.${name}(${values.map((_, index) => `$${index + 1}`)}) is not null as written`,
  values,
]
const vocabulary = [crm, null, ' ', '\n', 'crm.example', `https://crm.example/${'x'.repeat(900)}`].flatMap(url => [
  ...['paused', 'resumed', 'bogus', null].map(change => call('flow_modified', url, 3, change)),
  ...['success', 'error', 'running', 'killed', 'auto_killed', 'bogus'].map(state =>
    call('flow_execution_changed', url, 3, 44, state, 'C:\\temp\\u0000 "x" \'y\''),
  ),
  ...['running', 'success', 'error', ''].map(state => call('job_execution_changed', url, 3, 44, state, 'ok')),
  call('flow_modified', url, null, 'paused'),
])
const cut = call('job_execution_changed', crm, 3, 44, 'error', 'x'.repeat(70_000))
const producers: Step[] = [
  ['outbox_producer', `insert into outbox.callback (url) values ('${crm}')`],
  [
    'outbox_producer',
    `insert into outbox.callback (url, dedupe_key, due_at, expires_at, max_attempts)
     values ('HTTP://Crm.Example:80/a?b=%20c', 'd', '2999-01-31 08:00+00', '2999-02-01 08:00+00', 3) on conflict do nothing`,
  ],
  ['outbox_producer', `insert into outbox.callback (url, dedupe_key) values ('${crm}', 'd') on conflict do nothing`],
  into('{"n": 12345678901234567890.10, "t": ["\\u00e9", true, 1e5], "p": "C:\\\\u0000", "e": null}'),
  into('{"surrogates": "\\ud83d\\ude00"}'),
  ...['{"nul": "\\u0000"}', '{"lone": "\\uD800"}', '[1]', '"x"', '{"a": {"b": 1}}', '{"a": [null]}'].map(form =>
    into(form),
  ),
  into(JSON.stringify({ a: 'x'.repeat(70_000) })),
  into(JSON.stringify(Object.fromEntries(Array.from({ length: 101 }, (_, n) => [n, n])))),
  ...[
    '',
    ' \t',
    'crm.example',
    'ftp://crm.example/',
    'https://u:p@crm.example/',
    'https://crm.example/#f',
    'https://crm.example/\u00e9',
    'https://',
  ]
    .concat('https://crm.example/a b', 'https://crm.example:99999/', `https://crm.example/${'x'.repeat(2_100)}`)
    .map(url => into('{}', url)),
  ['outbox_producer', 'insert into outbox.callback (url, traceparent) values ($1, $2)', [crm, 'a b']],
  ['outbox_producer', 'insert into outbox.callback (url, ordering_key) values ($1, $2)', [crm, 'k'.repeat(513)]],
  ['outbox_producer', 'insert into outbox.callback (url, due_at) values ($1, $2)', [crm, 'infinity']],
  ...vocabulary,
  cut,
]

/** The scheduler's tables are its own; here the owner changes them. */
const scheduler: Step[] = [
  [
    null,
    `insert into scheduler.flow (name, callback_url, modify_callback_url, scheduling_status)
     values ('nightly', '${crm}/flow', '${crm}/modified', 1), ('silent', ' ', '', 1)`,
  ],
  [null, `insert into scheduler.flow (name, callback_url) values ('bad', 'crm.example')`],
  [null, `insert into scheduler.job (flow_id, name, callback_url) values (1, 'load', '${crm}/job'), (2, 'load', '')`],
  [null, `update scheduler.job set callback_url = 'https://crm.example/#x'`],
  [null, 'insert into scheduler.flow_execution (flow_id, status) values (1, 4), (2, 4)'],
  [null, 'insert into scheduler.job_execution (flow_execution_id, job_id, status) values (1, 1, 2), (2, 2, 2)'],
  [null, 'update scheduler.flow_execution set status = 3, error_message = $1', ['C:\\temp']],
  [null, 'update scheduler.job_execution set status = 3'],
  [null, 'update scheduler.flow set scheduling_status = 2'],
  [null, 'update scheduler.flow set scheduling_status = 1'],
  [null, 'alter table scheduler.flow disable trigger refuse_bad_url'],
  [null, `update scheduler.flow set modify_callback_url = 'crm.example' where id = 1`],
  [null, 'alter table scheduler.flow enable trigger refuse_bad_url'],
  [null, 'update scheduler.flow set scheduling_status = 2'],
]

const operators: Step[] = [
  ['outbox_operator', `update outbox.callback set status = 'cancelled' where id in (1, 2)`],
  ['outbox_operator', `update outbox.callback set status = 'pending', max_attempts = 4 where id = 1`],
  ['outbox_operator', `update outbox.callback set url = 'https://new.example:443/', form = '{"a": "b"}' where id = 4`],
  ['outbox_operator', `update outbox.callback set expires_at = '2999-01-31 08:00+00' where id = 4`],
  ['outbox_operator', `update outbox.callback set status = 'delivered' where id = 4`],
  ['outbox_operator', `update outbox.callback set url = 'crm.example' where id = 4`],
  ['outbox_operator', `update outbox.callback set status = 'cancelled' where id = 2`],
  ['outbox_operator', `insert into outbox.hold (url_prefix, reason) values ('https://crm.example/', 'x')`],
  ['outbox_operator', `insert into outbox.hold (url_prefix, reason) values (' ', 'x')`],
  ['outbox_operator', `delete from outbox.hold where url_prefix = 'https://crm.example/'`],
  ['outbox_operator', 'select outbox.purge(dead_before => now(), id => 5)'],
  ['outbox_operator', 'select outbox.purge(delivered_before => now(), dead_before => now())'],
  ['outbox_relay', `select outbox.hold_gone('https://crm.example/gone', '410 Gone', 'relay-a')`],
]

/** How each step ended, in a session of these settings; and what then stands in the tables, as a plain session sees it. */
async function lived(settings: Settings): Promise<string[]> {
  await client.query(`
    truncate outbox.callback, outbox.hold, scheduler.flow, scheduler.job, scheduler.flow_execution, scheduler.job_execution
      restart identity cascade`)
  const session = await sessionWith(settings)
  const ends = [await endOf(session, [null, thain]), await endOf(session, [null, await sqlFile('receiver/inbox.sql')])]
  for (const step of [...producers, ...scheduler, ...operators]) ends.push(await endOf(session, step))
  await session.end()
  return [...ends, ...(await stored())]
}

/** Of two values of one setting the later one counts. */
async function sessionWith(settings: Settings): Promise<pg.Client> {
  const session = await connect()
  for (const setting of settings) await session.query('select set_config($1, $2, false)', [...setting])
  return session
}

async function endOf(session: pg.Client, [role, text, values]: Step): Promise<string> {
  const name = `${text} ${JSON.stringify(values ?? []).slice(0, 120)}`
  const run = async () => {
    const results = [await session.query(text, values && [...values])].flat()
    return results.map(({ rowCount, rows }) => `${rowCount} ${JSON.stringify(rows)}`).join()
  }
  try {
    return `${name}: ${role === null ? await run() : await asRole(session, role, run)}`
  } catch (error) {
    const { code, message, hint } = error as pg.DatabaseError
    return `${name}: ${code} ${message} ${hint}`
  }
}

async function stored(): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(`
    select json_build_array(id, url, form::text, ordering_key, dedupe_key, traceparent, max_attempts, origin, status, budget_from,
                            case when due_at > '2900-01-01' then due_at at time zone 'UTC' end, due_at is null,
                            expires_at at time zone 'UTC', settled_at is null, last_error)::text as line
      from outbox.callback order by id`)
  const holds = await client.query<{ line: string }>('select url_prefix as line from outbox.hold order by id')
  return [...rows, ...holds.rows].map(({ line }) => line)
}

const plain = await lived([])

t.test('in a plain session most steps write, and some are refused', async t => {
  const refused = plain.filter(line => /: (22|23)\w{3} /.test(line))
  t.ok(refused.length > 30 && refused.length < plain.length / 2, `${refused.length} of ${plain.length}`)
  t.notMatch(plain.join('\n'), /: (42|0A|25|3F|XX)\w{3} /, 'none for another reason than its values')
})

for (const [name, value] of hostile) {
  t.test(
    `with ${name} = '${value}' producers, the scheduler's triggers and operators write and are refused as ever`,
    async t => {
      t.same(await lived([[name, value]]), plain)
    },
  )
}

t.test('no body of a function has a backslash, which standard_conforming_strings decides about', async t => {
  const { rows } = await client.query(`
    select oid::regprocedure::text as function from pg_proc
     where pronamespace in ('outbox'::regnamespace, 'scheduler'::regnamespace) and strpos(prosrc, chr(92)) > 0`)
  t.same(rows, [])
})

t.test('every file of the cookbook runs in a session of any settings', async t => {
  for (const settings of [hostile, hostile.toReversed()]) {
    for (const file of await readdir(new URL('../../sql/cookbook/', import.meta.url))) {
      const text = await sqlFile(`cookbook/${file}`)
      const role = text.match(/^-- Run as: (outbox_\w+)$/m)?.[1]
      if (role === undefined) continue
      const session = await sessionWith(settings)
      await t.resolves(
        asRole(session, role, () => session.query(text)),
        file,
      )
      await session.end()
    }
  }
})
