import t from 'tap'
import { look } from '../../src/outbox/look.ts'
import { migrate } from '../../src/outbox/migrate.ts'
import { testDatabase } from '../fixtures/database.ts'
import { openSession } from '../fixtures/stage.ts'
import { asRole } from './roles.ts'
import { read, write, writeAs } from './rows.ts'

/**
 * Names in a function are looked up in the search_path of whoever calls it, when it is called: what the caller, or anybody
 * who may create something in one of those schemas, has put there under the same name is run instead. Each attack here
 * succeeded before the functions and the sessions were pinned.
 */
const { client, url, connect } = await testDatabase(t)
await client.query(`
  create schema evil;
  grant usage, create on schema evil, public to outbox_producer, outbox_operator;
  create table public.seen (by_role text);
  grant insert on public.seen to public`)

/** A function that notes as whom it is run, and says `answer`. */
const spy = (name: string, args: string, answer: boolean) => `
  create function ${name}(${args}) returns boolean language plpgsql as
  $$ begin insert into public.seen values (current_user); return ${answer}; end $$`

/** As whom the traps were run since the last time. */
async function caught(): Promise<string[]> {
  const { rows } = await client.query<{ by_role: string }>('delete from public.seen returning by_role')
  return rows.map(row => row.by_role)
}

t.test('every function is pinned, or was parsed when it was created', async t => {
  const { rows } = await client.query(`
    select p.oid::regprocedure::text as name, p.proconfig::text as settings
      from pg_proc p
     where p.pronamespace = 'outbox'::regnamespace and p.prosqlbody is null
       and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)`)
  t.same(rows, [])
})

t.test('a producer who shadows the functions of the check gets no wrong form in', async t => {
  await client.query(`
    create function evil.json_typeof(json) returns text language sql as $$ select 'object' $$;
    create function evil.json_each(json, out key text, out value json) returns setof record language sql as $$ select '', null::json where false $$`)
  for (const form of ['[1]', '{"a":{"b":1}}', JSON.stringify(Array.from({ length: 200 }, (_, n) => n))]) {
    await asRole(client, 'outbox_producer', async () => {
      await client.query('set search_path = evil, pg_catalog')
      const insert = client.query(`insert into outbox.callback (url, form) values ('https://crm.example/', $1)`, [form])
      await t.rejects(insert, { code: '23514', message: /^form (is of type|field)/ }, form)
    })
    await client.query('reset search_path')
  }
})

t.test('nor one who has a type called text among his temporary objects, which come first by themselves', async t => {
  const session = await connect()
  await asRole(session, 'outbox_producer', async () => {
    await session.query('create domain pg_temp.text as varchar(5)')
    const form = JSON.stringify({ a: 'x'.repeat(70_000) })
    const insert = session.query(`insert into outbox.callback (url, form) values ('https://crm.example/', $1)`, [form])
    await t.rejects(insert, { code: '23514', message: /^form has 70008 bytes/ })
  })
})

t.test('an operator who shadows an operator makes no transition that is not allowed', async t => {
  const [pending, claimed, delivered] = [
    await write(client),
    await writeAs(client, 'claimed'),
    await writeAs(client, 'delivered'),
  ]
  await client.query(`
    create function evil.never(text, text) returns boolean language sql as $$ select false $$;
    create operator evil.<> (leftarg = text, rightarg = text, function = evil.never);
    create operator evil.= (leftarg = text, rightarg = text, function = evil.never)`)
  const changes: [id: string, change: string][] = [
    [pending, `status = 'claimed'`],
    [claimed, `url = 'https://new.example/'`],
    [delivered, `form = '{"a":1}'`],
  ]
  for (const [id, change] of changes) {
    const before = await read(client, id)
    await asRole(client, 'outbox_operator', async () => {
      await client.query('set search_path = evil, pg_catalog')
      const update = client.query(`update outbox.callback set ${change} where id = $1`, [id])
      await t.rejects(update, { code: /^(23514|55006)$/ }, change)
    })
    await client.query('reset search_path')
    t.same(await read(client, id), before, change)
  }
})

t.test('a producer who may create in public has nothing run as an operator, with the default search_path', async t => {
  await asRole(client, 'outbox_producer', async () => {
    for (const type of ['url', 'ordering_key', 'dedupe_key', 'traceparent']) {
      await client.query(spy(`public.same_${type}`, `outbox.${type}, outbox.${type}`, true))
      await client.query(
        `create operator public.= (leftarg = outbox.${type}, rightarg = outbox.${type}, function = public.same_${type})`,
      )
    }
  })
  const id = await write(client, { ordering_key: 'k', dedupe_key: 'd', traceparent: 'x' })
  await asRole(client, 'outbox_operator', () =>
    client.query(`update outbox.callback set url = 'https://new.example/' where id = $1`, [id]),
  )
  t.same(await caught(), [])
  await asRole(client, 'outbox_operator', () =>
    client.query('select url = url from outbox.callback where id = $1', [id]),
  )
  t.same(await caught(), ['outbox_operator'], 'the trap works')
})

t.test('nor as the relay', async t => {
  await asRole(client, 'outbox_producer', async () => {
    await client.query(spy('public.starts', 'outbox.url, text', true))
    await client.query('create operator public.^@ (leftarg = outbox.url, rightarg = text, function = public.starts)')
  })
  await client.query(`insert into outbox.hold (url_prefix, reason) values ('https://other.example/', 'x')`)
  const session = await openSession(t, url)
  t.equal((await look(session, '1', [await write(client)])).length, 1)
  t.same(await caught(), [])
})

t.test('nor as whoever migrates, nor ever after', async t => {
  const fresh = await testDatabase(t, { migrate: false })
  await fresh.client.query(`
    create function public.hashtextextended(text, integer) returns bigint language plpgsql immutable as
    $$ begin raise exception 'the trap was run as %', current_user; end $$`)
  await t.rejects(fresh.client.query(`select hashtextextended('k', 0)`), /the trap was run/)
  await migrate({ connectionString: fresh.url }, { schema: 'outbox', wake: 'notify' })
  await write(fresh.client, { ordering_key: 'k' })
})
