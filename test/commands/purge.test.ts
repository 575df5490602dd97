import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { registered } from '../fixtures/registered.ts'
import { ringback } from '../fixtures/ringback.ts'

const { client, url } = await testDatabase(t)
const env = { DATABASE_URL: url, PGOPTIONS: '-c role=outbox_operator' }
const purge = (...argv: string[]) => ringback(['purge', ...argv], env)
const deleted = (count: string) => ({ code: 0, out: `${count} deleted\n`, err: '' })

t.beforeEach(() => client.query('truncate outbox.callback, outbox.attempt_log restart identity'))

/** @param days since it was settled; null: it is not. */
async function insert(status: string, days: number | null, count = 1): Promise<void> {
  await client.query(
    `insert into outbox.callback (url, status, attempts, claimed_epoch, claimed_at, settled_at, dead_at, rev)
     select 'https://crm.example/', $1, 1, 1, now(), now() - $2 * interval '1 day', case $1 when 'dead' then now() - $2 * interval '1 day' end, 1
       from generate_series(1, $3)`,
    [status, days, count],
  )
}

async function left(): Promise<string> {
  const { rows } = await client.query<{ id: string }>('select id from outbox.callback order by id')
  return rows.map(({ id }) => id).join(' ')
}

/** 1 to 6. */
async function fill(): Promise<void> {
  for (const [status, days] of [
    ['delivered', 31],
    ['dead', 31],
    ['cancelled', 91],
    ['dead', 91],
    ['delivered', 1],
    ['pending', null],
  ] as const)
    await insert(status, days)
}

t.test('as --keep-delivered and --keep-dead say, by their defaults, variables or flags', async t => {
  await fill()
  t.same(await purge('--dry-run'), { code: 0, out: 'would delete 3 callbacks\n', err: '' })
  t.equal(await left(), '1 2 3 4 5 6')
  t.same(await ringback(['purge'], { ...env, RINGBACK_KEEP_DELIVERED: 'never' }), deleted('2 callbacks'))
  t.equal(await left(), '1 2 5 6')
  t.same(await purge('--keep-dead', '30d'), deleted('2 callbacks'))
  t.equal(await left(), '5 6')
})

t.test('what a serving relay keeps longer is deleted only by a time', async t => {
  await fill()
  await client.query(registered('a', { settings: { 'keep-delivered': null, 'keep-dead': 90 * 86_400_000 } }))
  for (const more of [[], ['--dry-run']]) {
    const { code, out, err } = await purge(...more)
    t.same([code, out], [1, ''])
    t.match(err, /relay "a" has --keep-delivered never, and this would delete what is older than 30d; give the same /)
  }
  t.equal(await left(), '1 2 3 4 5 6')
  t.same(await purge('--keep-delivered', 'never'), deleted('2 callbacks'))
  t.same(await purge('--delivered-before', '30d'), deleted('1 callback'))
  t.equal(await left(), '2 5 6')
  await client.query('delete from outbox.relay')
})

t.test('by times: those that are given, and nothing of the other kind', async t => {
  await fill()
  t.same(await purge('--delivered-before', '12h', '--dry-run'), { code: 0, out: 'would delete 2 callbacks\n', err: '' })
  t.same(await purge('--delivered-before', '12h'), deleted('2 callbacks'))
  t.equal(await left(), '2 3 4 6')
  const day = new Date(Date.now() - 60 * 86_400_000).toISOString().slice(0, 10)
  t.same(await purge('--dead-before', day), deleted('2 callbacks'))
  t.equal(await left(), '2 6')
})

t.test('more than one transaction holds', async t => {
  await insert('delivered', 40, 20_001)
  t.same(await purge(), deleted('20001 callbacks'))
  t.equal(await left(), '')
})

t.test('one, whatever its age, with its attempts', async t => {
  await fill()
  await client.query(`
    insert into outbox.attempt_log (callback_id, message_id, attempt, epoch, outcome, started_at, finished_at, relay)
    select id, message_id, 1, 1, 'delivered', now(), now(), 'a' from outbox.callback where id = 5`)
  t.same(await purge('--id', '5', '--dry-run'), { code: 0, out: 'would delete 1 callback\n', err: '' })
  t.same(await purge('--id', '5'), deleted('1 callback'))
  t.equal(await left(), '1 2 3 4 6')
  t.equal((await client.query('select from outbox.attempt_log')).rowCount, 0)
})

t.test('one that cannot be deleted ends with 1, and says what to do', async t => {
  await fill()
  await insert('claimed', null)
  for (const more of [[], ['--dry-run']]) {
    t.same(await purge('--id', '6', ...more), {
      code: 1,
      out: '',
      err: `callback 6 is pending, so it was not deleted; cancel it first: UPDATE outbox.callback SET status = 'cancelled' WHERE id = 6\n`,
    })
    t.same(await purge('--id', '7', ...more), {
      code: 1,
      out: '',
      err: 'callback 7 is being sent and was not deleted; repeat this when it is settled\n',
    })
    t.same(await purge('--id', '77', ...more), {
      code: 1,
      out: '',
      err: 'callback 77 does not exist in schema "outbox"\n',
    })
  }
  t.equal(await left(), '1 2 3 4 5 6 7')
})

t.test('an id and times are wrong usage; a reader may not delete, but may count', async t => {
  await fill()
  t.match(await purge('--id', '1', '--dead-before', '1d'), { code: 2, out: '', err: /do not give them together/ })
  const reader = { ...env, PGOPTIONS: '-c role=outbox_reader' }
  t.match(await ringback(['purge', '--dry-run'], reader), { code: 0, out: 'would delete 3 callbacks\n' })
  t.match(await ringback(['purge'], reader), { code: 1, out: '', err: /permission denied/ })
})
