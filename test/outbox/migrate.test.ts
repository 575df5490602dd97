import t from 'tap'
import { type MigrateOptions, migrate, migrationFiles } from '../../src/outbox/migrate.ts'
import { testDatabase } from '../fixtures/database.ts'
import { catalog } from '../sql/catalog.ts'

const options: MigrateOptions = { schema: 'outbox', wake: 'keep' }

/** An empty database and how to migrate it. */
async function empty(t: Parameters<typeof testDatabase>[0]) {
  const { client, url } = await testDatabase(t, { migrate: false })
  const run = (more: Partial<MigrateOptions> = {}) => migrate({ connectionString: url }, { ...options, ...more })
  const wakes = async () =>
    (await client.query(`select from pg_trigger where tgname = 'wake' and tgrelid = 'outbox.callback'::regclass`))
      .rowCount === 1
  return { client, run, wakes }
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
    const { rows } = await client.query('select name from outbox.kysely_migration order by name')
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
  await client.query(`insert into outbox.kysely_migration (name, timestamp) values ('9999_later', '2999-01-01')`)
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

t.test('a trigger put back by --wake notify is the one of the migration', async t => {
  const { client, run } = await empty(t)
  await run()
  const made = await catalog(client, 'outbox')
  await run({ wake: 'poll' })
  t.equal((await catalog(client, 'outbox')).length, made.length - 1)
  await run({ wake: 'notify' })
  t.same(await catalog(client, 'outbox'), made)
})

t.test('a migration that fails changes nothing and names itself', async t => {
  const { client, run } = await empty(t)
  await client.query('create schema outbox; create table outbox.lane (mine integer)')
  await t.rejects(run(), {
    code: 'RINGBACK_SCHEMA',
    message: /^migration 0001_outbox failed: .*lane.*; nothing was changed$/,
  })
  t.equal((await client.query(`select from pg_class where relname = 'callback'`)).rowCount, 0)
})
