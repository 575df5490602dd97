import { readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'

const { client } = await testDatabase(t)
const golden = new URL('privileges.golden.txt', import.meta.url)
const roles = ['public', 'outbox_producer', 'outbox_relay', 'outbox_operator', 'outbox_reader']

/**
 * A line for each role and each schema, table, sequence, function and domain, with what the role may do there, be it nothing;
 * columns only where the whole table is not granted. `public` is any role at all. MAINTAIN is of PostgreSQL 17.
 */
const matrix = `
  with role as (
    select name, place from unnest($1::text[]) with ordinality as r (name, place)
  ), object as (
    select 1 as kind, oid, 'schema ' || nspname as object, '{USAGE,CREATE}'::text[] as known from pg_namespace where nspname = 'outbox'
    union all
    select 2, oid, case relkind when 'S' then 'sequence ' else 'table ' end || relname, case relkind when 'S' then '{SELECT,USAGE,UPDATE}'::text[]
             else '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]
                  || case when current_setting('server_version_num')::integer >= 170000 then '{MAINTAIN}'::text[] end end
      from pg_class where relnamespace = 'outbox'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 3, oid, 'function ' || oid::regprocedure, '{EXECUTE}' from pg_proc where pronamespace = 'outbox'::regnamespace
    union all
    select 4, oid, 'domain ' || typname, '{USAGE}' from pg_type where typnamespace = 'outbox'::regnamespace and typtype = 'd'
  ), allowed as (
    select name, kind, oid, privilege, null as columns
      from role, object, unnest(known) privilege
     where case when kind = 1 then has_schema_privilege(name, oid, privilege)
                when kind = 3 then has_function_privilege(name, oid, privilege)
                when kind = 4 then has_type_privilege(name, oid, privilege)
                when object like 'sequence %' then has_sequence_privilege(name, oid, privilege)
                else has_table_privilege(name, oid, privilege) end
    union all
    select name, kind, oid, privilege, string_agg(attname, ', ' order by attname)
      from role, object, unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) privilege, pg_attribute
     where object like 'table %' and attrelid = oid and attnum > 0 and not attisdropped
       and not has_table_privilege(name, oid, privilege) and has_column_privilege(name, oid, attname, privilege)
     group by name, kind, oid, privilege
  )
  select format('%s: %s: %s', name, object, coalesce(string_agg(privilege || coalesce(' (' || columns || ')', ''), ', ' order by privilege), '-')) as line
    from role cross join object left join allowed using (name, kind, oid)
   group by place, name, kind, object
   order by place, kind, object collate "C"`

t.test('each role has the privileges of the golden file and no other (TAP_SNAPSHOT=1 renews it)', async t => {
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

t.test(
  'no role owns anything, and only the vocabulary, purge and the trigger of operators’ changes run with their owner’s privileges',
  async t => {
    const owned = await client.query(
      `select relname from pg_class where relnamespace = 'outbox'::regnamespace and relowner::regrole::text = any ($1)`,
      [roles],
    )
    t.same(owned.rows, [])
    const { rows } = await client.query(`
    select proname, proconfig::text as settings from pg_proc
     where pronamespace = 'outbox'::regnamespace and prosecdef order by proname collate "C"`)
    const settings = '{"search_path=pg_catalog, pg_temp"}'
    const names = [
      'flow_execution_changed',
      'flow_modified',
      'job_execution_changed',
      'operator_change',
      'purge',
      'write_callback',
    ]
    t.same(
      rows,
      names.map(proname => ({ proname, settings })),
    )
  },
)
