import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { lateFact, noLateFact } from '../fixtures/late-fact.ts'
import { asRole } from './roles.ts'
import { readAll, type Status, write, writeAs } from './rows.ts'

const { client, connect } = await testDatabase(t)
const statuses: Status[] = ['pending', 'claimed', 'delivered', 'dead', 'cancelled']
const crm = 'https://crm.example/callbacks'

/** What an operator who purges is told. */
async function purge(args: string): Promise<number> {
  return asRole(client, 'outbox_operator', async () => {
    const { rows } = await client.query<{ purged: string }>(`select outbox.purge(${args}) as purged`)
    return Number(rows[0]?.purged)
  })
}

/** One of each status that was written, and settled if it was, so many days ago; with two attempts each. */
async function writeAll(days: number): Promise<void> {
  for (const status of statuses) await writeAs(client, status)
  await client.query(
    `update outbox.callback set created_at = created_at - $1 * interval '1 day', settled_at = settled_at - $1 * interval '1 day',
            dead_at = dead_at - $1 * interval '1 day', rev = rev + 1
      where id > (select max(id) - 5 from outbox.callback)`,
    [days],
  )
  await client.query(`
    insert into outbox.attempt_log (callback_id, message_id, attempt, epoch, outcome, started_at, finished_at, relay)
    select id, message_id, attempt, 1, 'failed', now(), now(), 'relay-a'
      from outbox.callback, generate_series(1, 2) attempt where id > (select max(id) - 5 from outbox.callback)`)
}

/** The rows that are left, oldest first. Each must have its attempts, and no others may be there. */
async function left(): Promise<string> {
  const { rows } = await client.query<{ count: string }>(`
    select count(*) from outbox.attempt_log a full join outbox.callback c on c.id = a.callback_id and c.message_id = a.message_id
     where a.callback_id is null or c.id is null`)
  if (rows[0]?.count !== '0')
    throw new Error(`${rows[0]?.count} callbacks without attempts, or attempts without callbacks`)
  return (await readAll(client)).map(row => row.status).join(' ')
}

t.beforeEach(() => client.query('truncate outbox.callback, outbox.attempt_log restart identity'))

t.test('settled callbacks are purged by kind and age, with their attempts, and counted', async t => {
  for (const [args, purged, gone] of [
    [`delivered_before => now() - interval '30 days'`, 1, ['delivered']],
    [`dead_before => now() - interval '30 days'`, 2, ['dead', 'cancelled']],
    [`delivered_before => now() - interval '30 days', dead_before => now() - interval '30 days'`, 3, statuses.slice(2)],
    [
      `delivered_before => now() - interval '50 days', dead_before => now() - interval '30 days'`,
      2,
      ['dead', 'cancelled'],
    ],
    [`delivered_before => now() - interval '30 days', id => 9`, 2, ['delivered']],
    ['', 0, []],
    ['null, null, null', 0, []],
    ['id => 77', 0, []],
  ] as const) {
    await client.query('truncate outbox.callback, outbox.attempt_log restart identity')
    await writeAll(40)
    await writeAll(20)
    t.equal(await purge(args), purged, args)
    const old = statuses.filter(status => !(gone as readonly string[]).includes(status))
    const young = args.includes('id => 9') ? statuses.filter(status => status !== 'dead') : statuses
    t.equal(await left(), [...old, ...young].join(' '), args)
  }
})

t.test(
  'a settled callback is purged by its id, whatever its age; of an unsettled one the error names state and remedy',
  async t => {
    await writeAll(0)
    for (const [id, status, hint] of [
      [1, 'pending', /^Cancel it first: UPDATE/],
      [2, 'claimed', /^It is being sent: repeat/],
    ] as const) {
      const message = `callback ${id} is ${status} and would be lost; nothing was deleted`
      await t.rejects(purge(`now(), now(), id => ${id}`), { code: '23514', message, hint })
      t.equal(await left(), statuses.join(' '), 'nothing of the others either')
    }
    for (const id of [3, 4, 5]) t.same([await purge(`id => ${id}`), await purge(`id => ${id}`)], [1, 0])
    t.equal(await left(), 'pending claimed')
  },
)

t.test('at_most limits a call, and calls go on until nothing is left of the kind', async t => {
  await writeAll(40)
  await client.query(`
    insert into outbox.callback (url, status, settled_at, rev) select '${crm}', 'delivered', clock_timestamp(), 1 from generate_series(1, 12000);
    update outbox.callback set created_at = settled_at, rev = rev + 1 where settled_at is not null`)
  const calls: number[] = []
  while (calls.at(-1) !== 0) calls.push(await purge('delivered_before => now(), at_most => 5500'))
  t.same(calls, [5_500, 5_500, 1_001, 0])
  t.equal(await left(), 'pending claimed dead cancelled')
})

t.test('without at_most one call purges more than a page, and rows behind those that are kept', async t => {
  await client.query(`insert into outbox.callback (url) select '${crm}' from generate_series(1, 6000)`)
  for (let n = 0; n < 3; n += 1) await writeAs(client, 'delivered')
  t.equal(await purge('delivered_before => now()'), 3)
  t.equal((await readAll(client)).length, 6_000)
})

t.test('a callback that somebody has locked is left for the next call, and nothing waits for it', async t => {
  const [locked, free] = [await writeAs(client, 'delivered'), await writeAs(client, 'delivered')]
  const other = await connect()
  await other.query('begin')
  await other.query(`update outbox.callback set status = 'pending' where id = $1`, [locked])
  await client.query(`set lock_timeout = '1ms'`)
  t.equal(await purge('delivered_before => now()'), 1)
  await other.query('rollback')
  await client.query('reset lock_timeout')
  t.same(
    (await readAll(client)).map(row => row.id),
    [locked],
    `${free} is gone`,
  )
  t.equal(await purge('delivered_before => now()'), 1)
})

t.test('the key of a purged callback is free again', async t => {
  const id = await writeAs(client, 'delivered', { dedupe_key: 'k' })
  await t.rejects(write(client, { dedupe_key: 'k' }), { code: '23505' })
  await purge(`id => ${id}`)
  await t.resolves(write(client, { dedupe_key: 'k' }))
})

t.test('an attempt that is written down during a purge is purged with its callback', async t => {
  await writeAll(40)
  await client.query(lateFact)
  t.equal(await purge(`delivered_before => now() - interval '30 days'`), 1)
  await client.query(noLateFact)
  t.equal(await left(), 'pending claimed dead cancelled')
})
