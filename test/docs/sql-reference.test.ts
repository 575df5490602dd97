import { readFileSync } from 'node:fs'
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { asRole } from '../sql/roles.ts'
import { claim, write } from '../sql/rows.ts'
import { columnsOf, functionTable, tables } from './sql-reference.ts'

const { client } = await testDatabase(t)

t.test('the columns of the reference, and their types, are those of the database', async t => {
  for (const table of tables) {
    const { rows } = await client.query<{ name: string; type: string }>(
      `select attname as name, replace(format_type(atttypid, null), 'timestamp with time zone', 'timestamptz') as type
         from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attname`,
      [`outbox.${table}`],
    )
    const documented = columnsOf(table).map(({ name, type }) => ({ name, type }))
    t.same(
      documented.sort((a, b) => (a.name < b.name ? -1 : 1)),
      rows,
      table,
    )
  }
})

t.test('the functions of the reference are those that producers and operators may call, and not everybody', async t => {
  const { rows } = await client.query<{ name: string }>(
    `select proname as name from pg_proc, unnest('{outbox_producer,outbox_operator}'::text[]) role
      where pronamespace = 'outbox'::regnamespace and has_function_privilege(role, oid, 'execute')
        and not has_function_privilege('outbox_reader', oid, 'execute')
      order by 1`,
  )
  const documented = [...functionTable().matchAll(/^\| `outbox\.(\w+)\(/gm)].map(([, name = '']) => ({ name }))
  t.same(
    documented.sort((a, b) => (a.name < b.name ? -1 : 1)),
    rows,
  )
})

t.test('the errors have the SQLSTATEs of the reference', async t => {
  await write(client, { dedupe_key: 'there' })
  const sent = await write(client)
  await claim(client, sent)
  const insert = (columns: string, values: string) => `insert into outbox.callback (${columns}) values (${values})`
  const refused: Readonly<Record<string, readonly [role: string, statement: string]>> = {
    23514: ['producer', insert('url', `'crm.example'`)],
    23505: ['producer', insert('url, dedupe_key', `'https://crm.example/', 'there'`)],
    23502: ['producer', insert('url', 'null')],
    '22P02': ['producer', insert('url, form', `'https://crm.example/', 'a=b'`)],
    42501: ['producer', `${insert('url', `'https://crm.example/'`)} returning *`],
    55006: ['operator', `update outbox.callback set status = 'cancelled' where id = ${sent}`],
    22023: ['producer', `select outbox.flow_modified('https://crm.example/', 7, 'stopped')`],
    22004: ['producer', `select outbox.flow_modified('https://crm.example/', null, 'paused')`],
    '42P01': ['producer', insert('url', `'https://crm.example/'`).replace('outbox.', 'missing.')],
  }
  for (const [code, [role, statement]] of Object.entries(refused))
    await asRole(client, `outbox_${role}`, async () => {
      await t.rejects(client.query(statement), { code }, statement)
    })
  const page = readFileSync(new URL('../../docs/reference/sql.md', import.meta.url), 'utf8')
  const [, section = ''] = /^## Errors\n(.*?)^## /ms.exec(page) ?? []
  const elsewhere = '0A000' // test/sql/wake.test.ts
  t.same(
    [...section.matchAll(/\b(\d[0-9A-Z]{4}) `/g)].map(([, code = '']) => code).sort(),
    [...Object.keys(refused), elsewhere].sort(),
  )
})
