import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { ringback } from '../fixtures/ringback.ts'

const { client, url } = await testDatabase(t)
const env = { DATABASE_URL: url }
const replay = (...argv: string[]) => ringback(['replay', ...argv], env)

t.beforeEach(async () => {
  await client.query(
    'truncate outbox.callback; alter table outbox.callback alter column id restart with 9007199254740990',
  )
})

/** @param diedAgo an interval. */
async function insert(status: string, { url = 'https://crm.example/hook', diedAgo = '1 h' } = {}): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into outbox.callback (url, status, attempts, claimed_epoch, claimed_at, settled_at, dead_at, rev)
     select $1, $2, 3, 1, now(), case when $2 in ('dead', 'delivered', 'cancelled') then now() end,
            case $2 when 'dead' then now() - $3::interval end, 1 returning id`,
    [url, status, diedAgo],
  )
  return rows[0]?.id ?? ''
}

/** Ids of those that wait, which none did before. */
async function pending(): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select id from outbox.callback where status = 'pending' order by id`,
  )
  return rows.map(({ id }) => id)
}

t.test('by id: whatever is settled goes out again with a fresh budget; ids keep all their digits', async t => {
  const ids = [await insert('dead'), await insert('delivered'), await insert('cancelled'), await insert('dead')]
  const [a = '', b = '', c = '', other = ''] = ids
  t.same(await replay('--id', a, '--id', `${b},${c}`, '--id', a), {
    code: 0,
    out: '3 callbacks will be sent again\n',
    err: '',
  })
  t.same(await pending(), [a, b, c])
  const { rows } = await client.query('select * from outbox.callback where id = any ($1) order by id', [[a, other]])
  t.match(rows, [
    { id: a, attempts: 3, budget_from: 3, settled_at: null, dead_at: null, due_at: Date },
    { id: other, status: 'dead' },
  ])
})

t.test('by id: what could not be replayed is named, and the exit code is 1; the others go', async t => {
  const [dead, waiting, sent] = [await insert('dead'), await insert('pending'), await insert('claimed')]
  t.same(await replay('--id', `${dead},${waiting},${sent},9223372036854775807`), {
    code: 1,
    out: '1 callback will be sent again\n',
    err: [
      `callback ${waiting} is pending and goes out anyway; it was left alone (--now ends its wait for the next attempt)`,
      `callback ${sent} is being sent; it was left alone`,
      'callback 9223372036854775807 does not exist in this schema',
      '',
    ].join('\n'),
  })
  t.same(await pending(), [dead, waiting])
})

t.test('by id, dry: says the same and changes nothing', async t => {
  const [dead, waiting] = [await insert('dead'), await insert('pending')]
  const ended = await replay('--id', `${dead},${waiting}`, '--dry-run')
  t.match(ended, { code: 1, out: 'would send 1 callback again\n', err: new RegExp(`^callback ${waiting} is pending`) })
  t.same(await pending(), [waiting])
})

t.test('the dead, by what the beginning of their url means, and the time of their death', async t => {
  const wanted = [
    await insert('dead'),
    await insert('dead', { url: 'https://crm.example/other', diedAgo: '119 min' }),
    await insert('dead', { url: 'https://CRM.example:443/hook' }),
  ]
  await insert('dead', { diedAgo: '121 min' })
  await insert('dead', { url: 'https://crm.example.evil/hook' })
  await insert('delivered')
  const argv = ['--dead', '--url', 'HTTPS://crm.example./', '--since', '2h']
  t.same(await replay(...argv, '--dry-run'), { code: 0, out: 'would send 3 callbacks again\n', err: '' })
  t.same(await pending(), [])
  t.same(await replay(...argv), { code: 0, out: '3 callbacks will be sent again\n', err: '' })
  t.same(await pending(), wanted)
  t.same(await replay(...argv), { code: 0, out: '0 callbacks will be sent again\n', err: '' }, 'again')
  t.match(await replay('--dead', '--since', '2020-01-01'), { code: 0, out: '2 callbacks will be sent again\n' })
})

t.test('every dead callback only when --all says so', async t => {
  const dead = [await insert('dead'), await insert('dead', { url: 'https://other.example/' })]
  t.match(await replay('--dead'), { code: 2, out: '', err: /--dead needs --url, --since or both, or --all/ })
  t.match(await replay('--dead', '--all', '--since', '1h'), { code: 2, out: '' })
  t.same(await pending(), [])
  t.match(await replay('--dead', '--all'), { code: 0, out: '2 callbacks will be sent again\n' })
  t.same(await pending(), dead)
})

/** One that failed and waits for an hour. */
async function insertRetry(url = 'https://crm.example/hook'): Promise<string> {
  const id = await insert('pending', { url })
  await client.query(`update outbox.callback set due_at = now() + interval '1 h' where id = $1`, [id])
  return id
}

async function due(): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select id from outbox.callback where status = 'pending' and due_at <= clock_timestamp() order by id`,
  )
  return rows.map(({ id }) => id)
}

t.test(
  '--now by url: what failed there is due; what is elsewhere, settled or put off by its producer is not',
  async t => {
    const wanted = [await insertRetry(), await insertRetry('https://CRM.example/other')]
    await insertRetry('https://crm.example.evil/hook')
    await insert('dead')
    await client.query(
      `insert into outbox.callback (url, due_at) values ('https://crm.example/hook', now() + interval '1 day')`,
    )
    const argv = ['--now', '--url', 'https://crm.example/']
    t.same(await replay(...argv, '--dry-run'), { code: 0, out: '2 callbacks would be due now\n', err: '' })
    t.same(await due(), [])
    t.same(await replay(...argv), { code: 0, out: '2 callbacks are due now\n', err: '' })
    t.same(await due(), wanted)
    const again = 'again: what is due may wait for a receiver that rests'
    t.same(await replay(...argv), { code: 0, out: '2 callbacks are due now\n', err: '' }, again)
  },
)

t.test('--now by id: one that waits is due, for whatever reason it waits; others are named', async t => {
  const [waiting, dead, sent] = [await insertRetry(), await insert('dead'), await insert('claimed')]
  t.same(await replay('--now', '--id', `${waiting},${dead},${sent}`), {
    code: 1,
    out: '1 callback is due now\n',
    err: [
      `callback ${dead} is dead and does not wait; it was left alone (without --now it goes out again)`,
      `callback ${sent} is being sent; it was left alone`,
      '',
    ].join('\n'),
  })
  t.same(await due(), [waiting])
  t.match(await replay('--now'), { code: 2, err: /--now needs either --id or --url/ })
  t.match(await replay('--now', '--dead', '--url', 'https://a/'), { code: 2, err: /and not --dead/ })
})

t.test('wildcards in a prefix are letters, and quotes harmless', async t => {
  const odd = await insert('dead', { url: `https://a_b.test/%25'x` })
  await insert('dead', { url: 'https://axb.test/zz' })
  t.match(await replay('--dead', '--url', `https://a_b.test/%25'`), { code: 0, out: '1 callback will be sent again\n' })
  t.same(await pending(), [odd])
})

t.test('the role of an operator is enough, that of a reader is not', async t => {
  const id = await insert('dead')
  const as = (role: string) => ringback(['replay', '--id', id], { ...env, PGOPTIONS: `-c role=${role}` })
  t.match(await as('outbox_reader'), {
    code: 1,
    out: '',
    err: /^ringback replay: permission denied .*; it needs the role outbox_operator: GRANT outbox_operator TO "\w+";\n$/,
  })
  t.match(await as('outbox_operator'), { code: 0, out: '1 callback will be sent again\n' })
})

t.test('neither --id nor --dead ends with 2, a missing schema with 3', async t => {
  t.match(await replay(), { code: 2, out: '', err: /give one of --id, --dead and --now/ })
  t.match(await replay('--dead', '--all', '--schema', 'elsewhere'), {
    code: 3,
    out: '',
    err: /ringback migrate --schema elsewhere/,
  })
})
