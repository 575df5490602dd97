import { randomBytes } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { type MigrateOptions, migrate, printed } from '../../src/outbox/migrate.ts'
import { wrongPrivileges } from '../../src/outbox/privileges.ts'
import { migrationFiles } from '../../src/outbox/sql-files.ts'
import { testDatabase } from '../fixtures/database.ts'
import { openSession } from '../fixtures/stage.ts'
import { catalog } from '../sql/catalog.ts'

const options: MigrateOptions = { schema: 'outbox', wake: 'keep' }

/** An empty database and how to migrate it. */
async function empty(t: Parameters<typeof testDatabase>[0]) {
  const { client, url } = await testDatabase(t, { migrate: false })
  const run = (more: Partial<MigrateOptions> = {}) => migrate({ connectionString: url }, { ...options, ...more })
  const wakes = async () =>
    (await client.query(`select from pg_trigger where tgname = 'wake' and tgrelid = 'outbox.callback'::regclass`))
      .rowCount === 1
  return { client, url, run, wakes }
}

t.test('an empty database is brought up to date once; the second time there is nothing to do', async t => {
  const { client, run, wakes } = await empty(t)
  t.same(await run(), await migrationFiles())
  t.equal(await wakes(), true)
  const made = await catalog(client, 'outbox')
  t.same(await run(), [])
  t.same(await catalog(client, 'outbox'), made)
})

t.test('migrations that run at once make one schema, and all succeed', async t => {
  for (let round = 0; round < 3; round++) {
    const { client, run, wakes } = await empty(t)
    const wake = round % 2 === 0 ? 'notify' : 'poll'
    const applied = await Promise.all(Array.from({ length: 4 }, () => run({ wake })))
    t.same(applied.flat(), await migrationFiles(), 'one of them says that it did it')
    const { rows } = await client.query('select name from outbox.migration order by name')
    t.same(
      rows.map(row => row.name),
      await migrationFiles(),
    )
    t.equal(await wakes(), wake === 'notify')
  }
})

t.test('a schema that a newer Ringback has migrated is left alone, and the error says what to install', async t => {
  const { client, run, wakes } = await empty(t)
  await run()
  await client.query(`insert into outbox.migration (name) values ('9999_later')`)
  const newest = (await migrationFiles()).at(-1)
  for (const more of [{}, { wake: 'poll' }, { dryRun: true }] as const) {
    await t.rejects(run(more), {
      code: 'RINGBACK_SCHEMA',
      exitCode: 3,
      message: new RegExp(
        `"outbox" was migrated by a newer Ringback \\(9999_later .* newest known is ${newest}\\); install`,
      ),
    })
  }
  t.equal(await wakes(), true)
})

t.test('a dry run says what would be applied and changes nothing', async t => {
  const { client, run, wakes } = await empty(t)
  t.same(await run({ dryRun: true, wake: 'poll' }), await migrationFiles())
  t.equal((await client.query(`select from pg_namespace where nspname = 'outbox'`)).rowCount, 0)
  await run()
  t.same(await run({ dryRun: true, wake: 'poll' }), [])
  t.equal(await wakes(), true)
})

t.test('wake: an upgrade keeps what was chosen, and either can be chosen later', async t => {
  const { run, wakes } = await empty(t)
  await run({ wake: 'poll' })
  t.equal(await wakes(), false)
  await run({ wake: 'keep' })
  t.equal(await wakes(), false)
  await run({ wake: 'notify' })
  t.equal(await wakes(), true)
  await run({ wake: 'keep' })
  t.equal(await wakes(), true)
})

t.test(
  'a change of the trigger does not wait behind a long transaction, where all producers would wait, too',
  async t => {
    const { client, url, run, wakes } = await empty(t)
    await run()
    const producer = new pg.Client({ connectionString: url })
    await producer.connect()
    t.teardown(() => producer.end())
    const insert = `insert into outbox.callback (url) values ('https://receiver.test/')`
    await producer.query(`begin; ${insert}`)
    await t.rejects(run({ wake: 'poll' }), {
      code: 'RINGBACK_SCHEMA',
      message: /--wake poll needs a lock on outbox\.callback, .*nothing was changed\. Run it again/,
    })
    t.equal(await wakes(), true)
    await client.query(insert)
    await producer.query('commit')
    await run({ wake: 'poll' })
    t.equal(await wakes(), false)
  },
)

t.test('a trigger put back by --wake notify is the one of the migration', async t => {
  const { client, run } = await empty(t)
  await run()
  const made = await catalog(client, 'outbox')
  await run({ wake: 'poll' })
  t.equal((await catalog(client, 'outbox')).length, made.length - 1)
  await run({ wake: 'notify' })
  t.same(await catalog(client, 'outbox'), made)
})

t.test('a migration that fails changes nothing, names itself, and can be run again', async t => {
  const { client, run } = await empty(t)
  await client.query(`
    create function public.refuse() returns event_trigger language plpgsql as $$ begin raise exception 'no trigger here'; end $$;
    create event trigger refuse on ddl_command_start when tag in ('CREATE TRIGGER') execute function public.refuse()`)
  await t.rejects(run(), {
    code: 'RINGBACK_SCHEMA',
    message: 'migration 0001_outbox failed: no trigger here; nothing was changed',
  })
  t.equal((await client.query(`select from pg_namespace where nspname = 'outbox'`)).rowCount, 0)
  await client.query('drop event trigger refuse')
  t.same(await run(), await migrationFiles())
})

t.test('a schema that others use is refused before anything is changed, and they keep their rights', async t => {
  const { client, run } = await empty(t)
  await client.query(`
    create function public.uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()';
    create schema outbox;
    create table outbox.lane (mine integer);
    create type outbox.mood as enum ('well');
    create view outbox.moods as select null::outbox.mood;
    create function outbox.mine() returns integer language sql as 'select 1';
    create table outbox.message (id integer primary key);
    grant select on outbox.message to public`)
  const before = [await catalog(client, 'outbox'), await catalog(client, 'public')]
  for (const more of [{}, { dryRun: true }, { wake: 'poll' }] as const) {
    await t.rejects(run(more), {
      code: 'RINGBACK_SCHEMA',
      exitCode: 3,
      message:
        'schema "outbox" is used by others: it holds table outbox.lane, table outbox.message, view outbox.moods and 2 more; ' +
        'nothing was changed. Choose a schema that is empty or does not exist yet, with --schema NAME for each command',
    })
  }
  await t.rejects(run({ schema: 'public' }), {
    message: /"public" is used by others: it holds .*uuid_generate_v4\(\); nothing/,
  })
  t.same([await catalog(client, 'outbox'), await catalog(client, 'public')], before)
})

t.test('an empty schema that a DBA has made is taken, and what others put there later keeps its rights', async t => {
  const { client, run } = await empty(t)
  await client.query('create schema outbox')
  t.same(await run(), await migrationFiles())
  await client.query(`
    create function outbox.mine() returns integer language sql as 'select 1';
    create view outbox.dead as select id from outbox.callback where dead_at is not null;
    grant select on outbox.dead to public`)
  t.same(await run(), [])
  const { rows } = await client.query(
    `select has_function_privilege('public', 'outbox.mine()', 'execute') as executes, has_table_privilege('public', 'outbox.dead', 'select') as selects`,
  )
  t.same(rows, [{ executes: true, selects: true }])
})

/** A login of its own with no more rights than anybody; roles of the schema may be there already, and go when the test has ended. */
async function ordinary(t: Parameters<typeof testDatabase>[0]) {
  const schema = await ownName(t)
  const { client, name, url } = await testDatabase(t, { migrate: false })
  const role = `${schema}_app`
  await client.query(`create role ${role} login`)
  const login = new URL(url)
  login.username = role
  const run = (more = {}) => migrate({ connectionString: login.href }, { ...options, schema, ...more })
  const isThere = async () =>
    (await client.query('select from pg_namespace where nspname = $1', [schema])).rowCount === 1
  const makeRoles = () =>
    client.query(['producer', 'relay', 'operator', 'reader'].map(part => `create role ${schema}_${part};`).join('\n'))
  return { client, name, role, schema, run, isThere, makeRoles }
}

t.test('a login is told of every right that it lacks, before anything is done', async t => {
  const { role, schema, name, run, isThere } = await ordinary(t)
  for (const dryRun of [true, false])
    await t.rejects(run({ dryRun }), {
      code: 'RINGBACK_PRIVILEGE',
      exitCode: 1,
      message: [
        `role ${role} may not migrate schema "${schema}"; nothing was changed. It lacks`,
        `  CREATE on database ${name}: GRANT CREATE ON DATABASE ${name} TO ${role}; or CREATE SCHEMA ${schema} AUTHORIZATION ${role};`,
        `  CREATEROLE, since roles are missing: ALTER ROLE ${role} CREATEROLE; or CREATE ROLE ${schema}_producer; ` +
          `CREATE ROLE ${schema}_relay; CREATE ROLE ${schema}_operator; CREATE ROLE ${schema}_reader;`,
      ].join('\n'),
    })
  t.equal(await isThere(), false)
})

t.test(
  'with the roles there already, CREATEROLE is not needed, nor CREATE on the database with the schema there',
  async t => {
    for (const schemaFirst of [false, true]) {
      const { client, name, role, schema, run, makeRoles } = await ordinary(t)
      await makeRoles()
      await client.query(
        schemaFirst ? `create schema ${schema} authorization ${role}` : `grant create on database ${name} to ${role}`,
      )
      t.same(await run(), await migrationFiles())
      t.same(await run(), [])
    }
  },
)

t.test('a schema that belongs to another role is left alone, and the error says whose it is', async t => {
  const { client, role, schema, run, makeRoles } = await ordinary(t)
  await makeRoles()
  await client.query(`create schema ${schema}; grant create, usage on schema ${schema} to ${role}`)
  await t.rejects(run(), { message: new RegExp(`the ownership of schema ${schema} and its tables: run this as`) })
})

t.test('a login that may not read which migrations were applied is told whose schema it is', async t => {
  const { client, schema, run, makeRoles } = await ordinary(t)
  await makeRoles()
  await client.query(await printed(schema, 'keep'))
  for (const dryRun of [true, false])
    await t.rejects(run({ dryRun }), {
      code: 'RINGBACK_PRIVILEGE',
      message: new RegExp(`It lacks\n  the ownership of schema ${schema} and its tables: run this as`),
    })
})

t.test('what is printed makes the same schema by SQL alone, and migrate finds nothing to do there', async t => {
  for (const wake of ['keep', 'poll'] as const) {
    const made = await empty(t)
    await made.run({ wake })
    const { client, run } = await empty(t)
    await client.query(await printed('outbox', wake))
    t.same(await catalog(client, 'outbox'), await catalog(made.client, 'outbox'))
    t.same(await run(), [])
    const { rows } = await client.query('show search_path')
    t.same(rows, [{ search_path: '"$user", public' }], 'and the session is as it was')
  }
})

t.test('a schema of another name is the same but for its name', async t => {
  const name = await ownName(t)
  const { client, run } = await empty(t)
  await run()
  await run({ schema: name })
  const renamed = (await catalog(client, name)).map(line => line.replaceAll(name, 'outbox'))
  t.same(renamed.sort(), (await catalog(client, 'outbox')).sort())
})

t.test(
  'roles and grants that a restore has lost are named, and migrate restores them though the schema is up to date',
  async t => {
    const schema = await ownName(t)
    const { client, url } = await testDatabase(t, { migrate: false })
    const run = () => migrate({ connectionString: url }, { ...options, schema })
    await run()
    const session = await openSession(t, url, { schema })
    const made = await catalog(client, schema)
    t.same(await wrongPrivileges(session), [])

    await client.query(`
    revoke update (rev, status) on ${schema}.callback from ${schema}_relay;
    revoke usage on schema ${schema} from ${schema}_reader;
    revoke select on ${schema}.migration from ${schema}_reader;
    revoke execute on function ${schema}.relay_sleeps() from public;
    grant execute on function ${schema}.purge(timestamptz, timestamptz, bigint, bigint) to public`)
    t.same(await wrongPrivileges(session), [
      `${schema}_reader lacks SELECT on migration`,
      `${schema}_reader lacks USAGE on ${schema}`,
      `${schema}_relay lacks UPDATE (rev, status) on callback`,
      'every role has EXECUTE on purge',
      'public lacks EXECUTE on relay_sleeps',
    ])
    t.same(await run(), [], 'there is nothing to migrate')
    t.same(await wrongPrivileges(session), [])

    const roles = ['producer', 'relay', 'operator', 'reader'].map(role => `${schema}_${role}`)
    await client.query(roles.map(role => `drop owned by ${role}; drop role ${role};`).join('\n'))
    t.same(
      await wrongPrivileges(session),
      roles.sort().map(role => `role ${role} does not exist`),
    )
    t.same(await run(), [])
    t.same(await wrongPrivileges(session), [])
    const sorted = (lines: readonly string[]) => lines.map(line => [...line].sort().join(''))
    t.same(sorted(await catalog(client, schema)), sorted(made), 'the order within a list of grants apart')
  },
)

t.test('migrate works whatever the role or the database has set, and makes the same schema', async t => {
  const plain = await empty(t)
  await plain.run()
  const made = await catalog(plain.client, 'outbox')
  const hostile = {
    standard_conforming_strings: 'off',
    default_transaction_read_only: 'on',
    default_transaction_isolation: 'serializable',
    check_function_bodies: 'off',
    'plpgsql.extra_errors': 'all',
    search_path: 'evil',
    datestyle: 'German',
    quote_all_identifiers: 'on',
    array_nulls: 'off',
    backslash_quote: 'off',
    transform_null_equals: 'on',
    row_security: 'off',
    client_encoding: 'LATIN1',
    // Less than a migration takes, and more than it takes to set another.
    statement_timeout: '100',
  }
  const { client, name, url } = await testDatabase(t, { migrate: false })
  for (const [setting, value] of Object.entries(hostile))
    await client.query(`alter database ${name} set ${setting} = '${value}'`)
  const run = (wake: MigrateOptions['wake']) => migrate({ connectionString: url }, { schema: 'outbox', wake })
  t.same(await run('keep'), await migrationFiles())
  t.same([await run('keep'), await run('poll'), await run('notify')], [[], [], []])
  t.same(await catalog(client, 'outbox'), made)
})

/** A name that no other run uses, since roles belong to the cluster; they go when the test has ended. */
async function ownName(t: Parameters<typeof testDatabase>[0]): Promise<string> {
  const name = `outbox_${randomBytes(4).toString('hex')}`
  t.teardown(async () => {
    const admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL })
    await admin.connect()
    for (const role of ['producer', 'relay', 'operator', 'reader', 'app'])
      await admin.query(`drop role if exists ${name}_${role}`)
    await admin.end()
  })
  return name
}
