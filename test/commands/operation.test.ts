/** Each command that changes something leaves a record of it, in its own transaction. */
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { ringback } from '../fixtures/ringback.ts'

const { client, url } = await testDatabase(t)
const run = (...argv: string[]) => ringback(argv, { DATABASE_URL: url, PGOPTIONS: '-c role=outbox_operator' })

/** 1 to 4 wait, the first after a failure; 5 and 6 are dead. */
await client.query(`
  insert into outbox.callback (url, ordering_key, attempts, status, due_at, settled_at, dead_at, rev)
  select 'https://crm.example/' || n, 'key', case n when 2 then 0 else 1 end, case when n > 4 then 'dead' else 'pending' end,
         case n when 1 then now() + interval '1 h' end, case when n > 4 then now() end, case when n > 4 then now() end, 1
    from generate_series(1, 6) n`)

async function recorded(): Promise<unknown[]> {
  const { rows } = await client.query(
    `with gone as (delete from outbox.operation returning *)
     select acted_by = session_user as "isLogin", program, act, condition, done::int, left_alone::int as "leftAlone" from gone order by id`,
  )
  return rows
}

const acts: readonly (readonly [
  argv: readonly string[],
  act: string,
  condition: string,
  done: number,
  left?: number,
])[] = [
  [['replay', '--now', '--url', 'https://crm.example/'], 'retry', `origin = 'https://crm.example'`, 1],
  [['replay', '--id', '5,77'], 'replay', 'id IN (5, 77)', 1, 1],
  [
    ['replay', '--dead', '--url', 'https://crm.example/'],
    'replay',
    `dead_at IS NOT NULL AND origin = 'https://crm.example'`,
    1,
  ],
  [['cancel', '--id', '1'], 'cancel', 'id = 1', 1],
  [
    ['cancel', '--url', 'https://CRM.example/2'],
    'cancel',
    `origin = 'https://crm.example' AND starts_with(outbox.rest_of(url), '/2')`,
    1,
  ],
  [['cancel', '--key', 'key'], 'cancel', `ordering_key = 'key'`, 4],
  [['hold', 'https://crm.example/', '--reason', 'x'], 'hold', `url_prefix = 'https://crm.example/'`, 1],
  [['release', 'https://crm.example/'], 'release', `url_prefix = 'https://crm.example/'`, 1],
  [['purge', '--id', '1'], 'purge', 'id = 1', 1],
  [
    ['purge', '--dead-before', '2099-01-01T00:00:00Z'],
    'purge',
    `status IN ('dead', 'cancelled') AND settled_at < '2099-01-01T00:00:00.000Z'`,
    5,
  ],
]
for (const [argv, act, condition, done, leftAlone = 0] of acts)
  t.test(`${argv.join(' ')}: recorded; a dry run is not`, async t => {
    await run(...argv, '--dry-run')
    t.same(await recorded(), [])
    await run(...argv)
    t.same(await recorded(), [{ isLogin: true, program: `ringback ${argv[0]}`, act, condition, done, leftAlone }])
  })

t.test('what changes nothing leaves no record, nor does what is refused', async t => {
  await run('cancel', '--id', '77')
  await run('release', 'https://nobody.example/')
  await run('hold', 'https://user:password@crm.example/', '--reason', 'x')
  t.same(await recorded(), [])
})

t.test('a purge of many transactions is one act', async t => {
  await client.query(`
    insert into outbox.callback (url, status, attempts, settled_at, rev)
    select 'https://crm.example/', 'delivered', 1, now() - interval '40 days', 1 from generate_series(1, 20001)`)
  await run('purge')
  t.match(await recorded(), [{ act: 'purge', done: 20_001 }])
})

t.test('a condition of very many ids is cut', async t => {
  await client.query(`insert into outbox.callback (url, ordering_key) values ('https://crm.example/', 'many')`)
  const { rows } = await client.query('select max(id) as id from outbox.callback')
  const ids = Array.from({ length: 1_000 }, (_, n) => String(Number(rows[0].id) + n))
  await run('cancel', '--id', ids.join(','))
  const [record] = (await recorded()) as { condition: string; leftAlone: number }[]
  t.equal(record?.condition.length, 2_000)
  t.equal(record?.leftAlone, 999)
})
