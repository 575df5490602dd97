import { readdir } from 'node:fs/promises'
import type pg from 'pg'
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { asRole, sqlFile } from './roles.ts'
import { claim, read, readAll, record, write, writeAs } from './rows.ts'

const { client, connect } = await testDatabase(t)

/** Runs a file of the cookbook as the role that it names; the rows of each of its statements. */
async function run(file: string): Promise<Record<string, unknown>[][]> {
  const text = await sqlFile(`cookbook/${file}`)
  const role = text.match(/^-- Run as: (outbox_\w+)$/m)?.[1]
  if (role === undefined) throw new Error(`${file} does not say whose privileges it needs`)
  const session = await connect()
  return asRole(session, role, async () => {
    const results: pg.QueryResult | pg.QueryResult[] = await session.query(text)
    return [results].flat().map(result => result.rows)
  })
}

const crm = 'https://crm.example/callbacks'
const other = 'https://other.example/callbacks'

/** A row with the id that the examples name, in this state. */
async function theOne(status: 'pending' | 'dead'): Promise<string> {
  await client.query(`select setval('outbox.callback_id_seq', 42, false)`)
  return writeAs(client, status)
}

async function attempts(...rows: [id: string, attempt: number, epoch: number, outcome: string][]): Promise<void> {
  for (const row of rows) {
    await client.query(
      `insert into outbox.attempt_log (callback_id, message_id, attempt, epoch, outcome, started_at, finished_at, relay, http_status, response_excerpt)
       values ($1, coalesce((select message_id from outbox.callback where id = $1), gen_random_uuid()), $2, $3, $4,
               clock_timestamp() - interval '2 s', clock_timestamp(), 'relay-1', 500, format('excerpt %s%s', $2::integer, $3::bigint))`,
      row,
    )
  }
}

/** Puts what happened to the row into the past. */
async function age(id: string, settledAt: string): Promise<void> {
  await client.query(
    'update outbox.callback set created_at = $2, settled_at = $2, dead_at = case when dead_at is not null then $2::timestamptz end, rev = rev + 1 where id = $1',
    [id, settledAt],
  )
}

const cookbook: Record<string, (t: Tap) => Promise<void>> = {
  async 'first_callback.sql'(t) {
    await run('first_callback.sql')
    t.match(await readAll(client), [
      { url: crm, form: '{"invoice": 7, "status": "paid"}', ordering_key: 'invoice 7', status: 'pending' },
    ])
  },

  async 'dedupe.sql'(t) {
    await run('dedupe.sql')
    await run('dedupe.sql')
    t.match(await readAll(client), [{ form: '{"invoice": 7, "status": "reminded"}' }])
  },

  async 'supersede.sql'(t) {
    await run('supersede.sql')
    const { rows } = await client.query('select supersede_key, form::text from outbox.callback order by id')
    t.match(rows, [
      { supersede_key: 'progress' },
      { supersede_key: 'progress', form: '{"invoice": 7, "progress": 20}' },
    ])
  },

  async 'replay_one.sql'(t) {
    const id = await theOne('dead')
    const bystander = await writeAs(client, 'dead')
    t.match(await run('replay_one.sql'), [[{ id }]])
    t.match(await read(client, id), { status: 'pending', due_now: true, budget_from: 1 })
    t.equal((await read(client, bystander)).status, 'dead')
    t.same(await run('replay_one.sql'), [[]], 'the second time it is on its way')
  },

  async 'replay_dead.sql'(t) {
    const wanted = await writeAs(client, 'dead', { url: crm })
    const elsewhere = await writeAs(client, 'dead', { url: other })
    const later = await writeAs(client, 'dead', { url: crm })
    const delivered = await writeAs(client, 'delivered', { url: crm })
    for (const id of [wanted, elsewhere, delivered]) await age(id, '2026-01-31 09:00+00')
    await age(later, '2026-01-31 12:30+00')
    await run('replay_dead.sql')
    t.equal((await read(client, wanted)).status, 'pending')
    t.equal((await read(client, elsewhere)).status, 'dead')
    t.equal((await read(client, later)).status, 'dead')
    t.equal((await read(client, delivered)).status, 'delivered')
  },

  async 'retry_now.sql'(t) {
    const failed = async (url: string) => {
      const id = await writeAs(client, 'claimed', { url })
      await record(client, id, 'pending')
      return id
    }
    const wanted = await failed(crm)
    const kept = [await failed(other), await write(client, { url: crm, due_at: '2999-01-01' })]
    const fresh = await write(client, { url: crm })
    const dead = await writeAs(client, 'dead', { url: crm })
    t.match(await run('retry_now.sql'), [[{ id: wanted, url: crm, attempts: 1, last_error: 'HTTP 500' }]])
    t.match(await read(client, wanted), { status: 'pending', due_now: true, attempts: 1, budget_from: 0 })
    for (const id of kept) t.match(await read(client, id), { status: 'pending', due_now: false })
    t.match(await read(client, fresh), { status: 'pending', due_at: null })
    t.equal((await read(client, dead)).status, 'dead')
  },

  async 'cancel.sql'(t) {
    const waiting = await write(client, { ordering_key: 'invoice 7' })
    const sending = await writeAs(client, 'claimed', { ordering_key: 'invoice 7' })
    const bystander = await write(client, { ordering_key: 'invoice 8' })
    t.match(await run('cancel.sql'), [[{ id: waiting }]])
    t.equal((await read(client, waiting)).status, 'cancelled')
    t.equal((await read(client, sending)).status, 'claimed')
    t.equal((await read(client, bystander)).status, 'pending')
  },

  async 'amend_url.sql'(t) {
    const old = 'https://crm.example/v1/callbacks?a=b'
    const ids = [await write(client, { url: old }), await writeAs(client, 'dead', { url: old })]
    const long = await writeAs(client, 'dead', { url: old })
    await age(long, '2026-01-30')
    const sending = await writeAs(client, 'claimed', { url: old })
    const bystander = await write(client, { url: other })
    await run('amend_url.sql')
    for (const id of ids) {
      t.match(await read(client, id), { url: 'https://crm.example/v2/callbacks?a=b', status: 'pending' })
    }
    t.match(await read(client, long), { url: old, status: 'dead' })
    t.match(await read(client, sending), { url: old, status: 'claimed' })
    t.equal((await read(client, bystander)).url, other)
  },

  async 'hold.sql'(t) {
    await run('hold.sql')
    const { rows } = await client.query('select *, held_by = session_user as mine from outbox.hold')
    t.match(rows, [
      { url_prefix: 'https://crm.example/', reason: 'maintenance until noon, ask the CRM team', mine: true },
    ])
  },

  async 'hold_all.sql'(t) {
    t.match(await run('hold_all.sql'), [[{ url_prefix: 'http://' }, { url_prefix: 'https://' }]])
    const waiting = [await write(client, { url: crm }), await write(client, { url: 'http://plain.example/' })]
    const [rows] = await run('what_is_waiting.sql')
    t.match(
      rows,
      waiting.map(id => ({ id, why: /^held: https?:\/\/, a copy of production/ })),
    )
  },

  async 'release.sql'(t) {
    const hold = 'insert into outbox.hold (url_prefix, reason) values ($1, $2)'
    for (const prefix of ['https://crm.example/', 'https://crm.example/', 'https://other.example/']) {
      await client.query(hold, [prefix, 'test'])
    }
    t.match(await run('release.sql'), [[{ reason: 'test' }, { reason: 'test' }]])
    t.match((await client.query('select * from outbox.hold')).rows, [{ url_prefix: 'https://other.example/' }])
  },

  async 'what_is_waiting.sql'(t) {
    await client.query(`insert into outbox.hold (url_prefix, reason) values ('https://other.example/', 'moving house')`)
    const head = await write(client, { ordering_key: 'k' })
    const behind = await write(client, { ordering_key: 'k' })
    const held = await write(client, { url: other })
    const sending = await writeAs(client, 'claimed')
    const retry = await writeAs(client, 'claimed')
    await record(client, retry, 'pending')
    const delayed = await write(client, { due_at: '2999-01-01' })
    await writeAs(client, 'dead')
    const [rows] = await run('what_is_waiting.sql')
    t.match(
      rows?.map(({ id, why }) => [id, why]),
      [
        [head, 'goes out next'],
        [behind, `behind callback ${head} of the same key`],
        [held, 'held: https://other.example/, moving house'],
        [sending, /^is being sent since 2/],
        [retry, /^retry at 2.* after: HTTP 500$/],
        [delayed, /^not before 2999-/],
      ],
    )
  },

  async 'why_is_it_dead.sql'(t) {
    const expired = [await write(client), await write(client)]
    await client.query(
      `update outbox.callback set status = 'dead', last_error = 'expired', settled_at = now(), dead_at = now(), rev = rev + 1`,
    )
    await attempts([expired[0] ?? '', 1, 1, 'unknown'], [expired[0] ?? '', 2, 1, 'not_sent'])
    await age(expired[0] ?? '', '2026-01-31')
    await age(expired[1] ?? '', '2026-01-30')
    const id = await writeAs(client, 'dead')
    await writeAs(client, 'delivered')
    const [rows] = await run('why_is_it_dead.sql')
    t.match(rows, [
      { id, reason: 'HTTP 500', last_outcome: 'failed', http_status: 500, response_excerpt: 'oops' },
      { id: expired[0], reason: 'expired', last_outcome: 'not_sent', response_excerpt: 'excerpt 21' },
      { id: expired[1], reason: 'expired', last_outcome: null },
    ])
  },

  async 'attempts_of_a_callback.sql'(t) {
    const id = await theOne('pending')
    await claim(client, id)
    await record(client, id, 'pending')
    await claim(client, id)
    await record(client, id, 'dead')
    await attempts([id, 1, 2, 'delivered'], [id, 1, 1, 'unknown'], ['41', 1, 1, 'failed'])
    const [rows] = await run('attempts_of_a_callback.sql')
    t.match(rows, [
      { attempt: 1, outcome: 'unknown', took: { seconds: 2 } },
      { attempt: 1, outcome: 'delivered' },
      { attempt: 2, outcome: 'failed' },
    ])
    t.equal(rows?.length, 3)
  },

  async 'stuck_keys.sql'(t) {
    await writeAs(client, 'delivered', { ordering_key: 'long' })
    const long = await writeAs(client, 'claimed', { ordering_key: 'long' })
    const short = await write(client, { ordering_key: 'short' })
    for (const ordering_key of ['long', 'short', 'long', 'alone', null, null]) await write(client, { ordering_key })
    const [rows] = await run('stuck_keys.sql')
    t.match(rows, [
      { ordering_key: 'long', behind: '2', head: long, status: 'claimed' },
      { ordering_key: 'short', behind: '1', head: short, status: 'pending' },
    ])
    t.equal(rows?.length, 2)
  },

  async 'purge_history.sql'(t) {
    const settled = [
      await writeAs(client, 'delivered'),
      await writeAs(client, 'cancelled'),
      await writeAs(client, 'dead'),
    ]
    for (const id of settled) await age(id, '2026-01-31')
    const lately = [await writeAs(client, 'delivered'), await writeAs(client, 'dead')]
    await client.query(
      `update outbox.callback set settled_at = settled_at - interval '60 days', created_at = settled_at - interval '60 days', rev = rev + 1 where id = any ($1)`,
      [lately],
    )
    const kept = [lately[1], await writeAs(client, 'delivered'), await write(client), await writeAs(client, 'claimed')]
    for (const id of [...settled, ...lately, ...kept.slice(1)])
      await attempts([id ?? '', 1, 1, 'failed'], [id ?? '', 2, 1, 'failed'])
    // More than a batch, so that it must go round.
    await client.query(
      `insert into outbox.callback (url, status, settled_at, rev) select '${crm}', 'delivered', now(), 1 from generate_series(1, 6000)`,
    )
    await client.query(
      `update outbox.callback set settled_at = settled_at - interval '31 days', created_at = settled_at - interval '31 days', rev = 2 where rev = 1 and status = 'delivered'`,
    )
    await run('purge_history.sql')
    t.same(
      (await readAll(client)).map(row => row.id),
      kept,
    )
    const left = await client.query('select callback_id from outbox.attempt order by callback_id, attempt')
    t.same(
      left.rows.map(row => row.callback_id),
      kept.flatMap(id => [id, id]),
    )
  },

  async 'on_dead.sql'(t) {
    const notices = 'https://alerts.example/callbacks-died'
    const told = async () =>
      (await client.query(`select form ->> 'id' as id from outbox.callback where url = $1 order by 1`, [notices])).rows
    const file = await sqlFile('cookbook/on_dead.sql')
    try {
      await client.query(file)
      await client.query(file)
      await client.query('begin')
      const [first] = [await writeAs(client, 'dead', { url: `${crm}?token=secret` }), await writeAs(client, 'dead')]
      const elsewhere = await writeAs(client, 'dead', { url: other })
      await writeAs(client, 'delivered', { url: other })
      await client.query('commit')
      t.same(await told(), [{ id: first }, { id: elsewhere }], 'one an origin and minute')
      const { rows } = await client.query('select form, expires_at > now() as expires from outbox.callback where url = $1 limit 1', [notices]) // biome-ignore format: one line
      t.match(rows, [
        { form: { origin: 'https://crm.example', url: crm, reason: 'HTTP 500', attempts: 1 }, expires: true },
      ])
      await writeAs(client, 'dead', { url: notices })
      t.equal((await told()).length, 3, 'a notice that dies makes no other')

      await client.query(file.replace(notices, 'alerts.example'))
      const spared = await writeAs(client, 'dead', { url: 'https://third.example/' })
      t.equal((await read(client, spared)).status, 'dead', 'an address that is none stops no record')
    } finally {
      await client.query('rollback')
      await client.query('drop function if exists outbox.tell_of_dead() cascade')
    }
  },

  async 'roles.sql'(t) {
    await client.query('begin')
    try {
      await client.query(await sqlFile('cookbook/roles.sql'))
      const { rows } = await client.query(
        `select format('%s to %s', roleid::regrole, member::regrole) as grant from pg_auth_members
          where roleid::regrole::text like 'outbox\\_%' and member::regrole::text in ('thain', 'ringback', 'oncall', 'grafana') order by 1`,
      )
      t.same(
        rows.map(row => row.grant),
        [
          'outbox_operator to oncall',
          'outbox_producer to thain',
          'outbox_reader to grafana',
          'outbox_relay to ringback',
        ],
      )
    } finally {
      // Roles belong to the cluster: none may stay.
      await client.query('rollback')
    }
  },
}

type Tap = Pick<typeof t, 'equal' | 'match' | 'same'>

t.test('every file of the cookbook is tried here', async t => {
  const files = await readdir(new URL('../../sql/cookbook/', import.meta.url))
  t.same(files.sort(), Object.keys(cookbook).sort())
})

for (const [file, proof] of Object.entries(cookbook)) {
  t.test(`cookbook/${file} does what it says, with the privileges it names`, async t => {
    await client.query('truncate outbox.callback, outbox.attempt_log, outbox.hold restart identity')
    await proof(t)
  })
}

t.test('nothing in the cookbook or the examples needs more than SQL', async t => {
  for (const folder of ['cookbook', 'examples']) {
    for (const file of await readdir(new URL(`../../sql/${folder}/`, import.meta.url))) {
      t.notMatch(await sqlFile(`${folder}/${file}`), /^\s*\\/m, file)
    }
  }
})

t.test('every example has its test, and thain.sql runs again', async t => {
  const files = await readdir(new URL('../../sql/examples/', import.meta.url))
  const elsewhere = 'effects are proved in thain.test.ts, thain-urls.test.ts and schedulers.test.ts'
  t.same(files.sort(), ['airflow.sql', 'dolphinscheduler.sql', 'powerjob.sql', 'thain.sql'], elsewhere)
  const text = await sqlFile('examples/thain.sql')
  await client.query(text)
  await t.resolves(client.query(text))
})
