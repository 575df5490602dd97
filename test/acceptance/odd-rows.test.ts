import assert from 'node:assert/strict'
import t from 'tap'
import type { LogFields } from '../../src/log/log.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { RelayProcess } from '../fixtures/relay-process.ts'
import { Stage } from '../fixtures/stage.ts'

/** Databases in which a text may hold a byte that is no character to whoever speaks UTF-8. */
const spellings = [
  { encoding: 'WIN1252', byte: '81' },
  { encoding: 'SQL_ASCII', byte: 'e9' },
] as const

const others = 20

/** Callbacks that nothing is wrong with. */
async function insertOthers(stage: Stage): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < others; n += 1) ids.push(await stage.send({ n }))
  return ids
}

/** A trigger of the user's own on `outbox.callback`. */
async function plant(stage: Stage, when: string, body: string): Promise<void> {
  await stage.client.query(
    `create function refuse_one() returns trigger language plpgsql as $$ begin ${body}; return new; end $$`,
  )
  await stage.client.query(`create trigger refuse_one ${when} execute function refuse_one()`)
}

const troubles = (relay: Pick<RelayProcess, 'logs'>) =>
  relay.logs.filter(({ event }) => event === 'database_away' || event === 'database_refuses')

for (const { encoding, byte } of spellings) {
  t.test(
    `${encoding}: a byte that does not convert ends its own callback, with the reason; the others go on`,
    async t => {
      const stage = await Stage.open(t, { encoding })
      const odd = `convert_from('\\x${byte}', '${encoding}')`
      const { rows } = await stage.client.query<{ id: string }>(
        `insert into outbox.callback (url, form) values ($1, ('{"a":"' || ${odd} || '"}')::json) returning id`,
        [stage.receiver.url('/odd')],
      )
      const { rows: keyed } = await stage.client.query<{ id: string }>(
        `insert into outbox.callback (url, ordering_key) select $1, 'caf' || ${odd} from generate_series(1, 3) returning id`,
        [stage.receiver.url('/keyed')],
      )
      const ids = await insertOthers(stage)
      const relay = await stage.relay()
      for (const id of ids) await stage.becomes(id, 'delivered')
      await eventually(async () => {
        const settled = await stage.client.query(`select from outbox.callback where status = 'delivered'`)
        assert.equal(settled.rowCount, others + keyed.length)
      })
      t.match(await relay.until('callback_refused'), { id: rows[0]?.id, becomes: 'dead' })
      const dead = await stage.client.query('select status, attempts, last_error from outbox.callback where id = $1', [
        rows[0]?.id,
      ])
      t.match(dead.rows, [{ status: 'dead', attempts: 0, last_error: /^PostgreSQL refuses it: .*byte sequence.*0x/ }])
      t.same(troubles(relay), [])
      t.equal(stage.receiver.arrivals.length, others + keyed.length)
    },
  )
}

const raising = [
  { what: 'a user’s trigger raises', body: `raise exception 'not this one'`, reason: /not this one/ },
  {
    what: 'a user’s trigger lacks a grant',
    body: 'perform count(*) from public.audit',
    reason: /permission denied for table audit/,
  },
]

for (const { what, body, reason } of raising)
  for (const status of ['claimed', 'delivered']) {
    t.test(
      `${what} as a row becomes ${status}: it waits, with the reason on the log, and the others go on`,
      async t => {
        const stage = await Stage.open(t)
        await stage.client.query('create table audit ()')
        await plant(
          stage,
          `before update on outbox.callback for each row when (new.form::text ~ 'odd' and new.status = '${status}')`,
          body,
        )
        const odd = await stage.send({ odd: true })
        const ids = await insertOthers(stage)
        const relay = await relayOfItsRole(stage)
        for (const id of ids) await stage.becomes(id, 'delivered')
        const event = status === 'claimed' ? 'callback_refused' : 'record_refused'
        const line = await relay.until(event)
        t.match(line, { id: odd, err: { message: reason } })
        await relay.until(event, ({ tries }) => tries === 3)
        t.ok(relay.logs.filter(each => each.event === event).length <= 4, 'it is not tried again and again')
        t.same(troubles(relay), [])
        t.match(await stage.row(odd), { status: status === 'claimed' ? 'pending' : 'claimed' })
        await stage.client.query('drop trigger refuse_one on outbox.callback')
        await stage.becomes(odd, 'delivered')
        t.equal(stage.receiver.arrivals.length, others + 1)
      },
    )
  }

t.test(
  'a user’s trigger raises as a row expires: it waits, with the reason on the log, and the others go on',
  async t => {
    const stage = await Stage.open(t)
    const relay = await relayOfItsRole(stage)
    await refuseOdd(stage, 'dead')
    const late = { due_at: new Date(Date.now() + 3_600_000), expires_at: new Date() }
    const odd = await stage.send({ odd: true }, late)
    const even = await stage.send({}, late)
    await stage.becomes(even, 'dead')
    await othersGoOn(stage, relay, { id: odd, statement: 'expire', becomes: 'pending' })
    await stage.client.query('drop trigger refuse_one on outbox.callback')
    await stage.becomes(odd, 'dead')
  },
)

t.test('so it is as a row is superseded', async t => {
  const stage = await Stage.open(t)
  const relay = await relayOfItsRole(stage)
  await refuseOdd(stage, 'cancelled')
  const { rows } = await stage.client.query<{ id: string }>(
    `insert into outbox.callback (url, form, ordering_key, supersede_key)
     select $1, form::json, key, 's' from unnest($2::text[], $3::text[]) as row (form, key) returning id`,
    [stage.receiver.url('/hook'), ['{"odd":1}', '{}', '{}', '{}'], ['k', 'k', 'other', 'other']],
  )
  const [odd = '', newest = '', old = '', newer = ''] = rows.map(({ id }) => id)
  await stage.becomes(old, 'cancelled')
  await stage.becomes(newer, 'delivered')
  await othersGoOn(stage, relay, { id: odd, statement: 'supersede', becomes: 'pending' })
  t.match(await stage.row(newest), { status: 'pending' }, 'its key waits')
  await stage.client.query('drop trigger refuse_one on outbox.callback')
  await stage.becomes(odd, 'cancelled')
  await stage.becomes(newest, 'delivered')
})

/** A user's trigger that refuses odd rows as they become this. */
const refuseOdd = (stage: Stage, status: string) =>
  plant(
    stage,
    `after update on outbox.callback for each row when (new.form::text ~ 'odd' and new.status = '${status}')`,
    `raise exception 'not this one'`,
  )

/** While the row is refused again and again, other callbacks are sent at once. */
async function othersGoOn(stage: Stage, relay: RelayProcess, refused: LogFields): Promise<void> {
  await relay.until('callback_refused', ({ tries }) => tries === 3)
  for (const id of await insertOthers(stage)) await stage.becomes(id, 'delivered')
  const lines = relay.logs.filter(({ event }) => event === 'callback_refused')
  t.ok(lines.length <= 5, 'it is not tried again and again')
  for (const line of lines) t.match(line, { ...refused, err: { message: 'not this one' } })
  t.same(troubles(relay), [])
}

/** With the rights of a relay and no others. */
const relayOfItsRole = (stage: Stage) => stage.relay({}, { env: { PGOPTIONS: '-c role=outbox_relay' } })

t.test('a statement that is refused whichever row it is for blames none of them', async t => {
  const stage = await Stage.open(t)
  const relay = await relayOfItsRole(stage)
  await stage.becomes(await stage.send({ n: 'first' }), 'delivered')
  await stage.client.query('revoke update (attempts) on outbox.callback from outbox_relay')
  const ids = await insertOthers(stage)
  await relay.until('database_refuses')
  await stage.client.query('grant update (attempts) on outbox.callback to outbox_relay')
  for (const id of ids) t.equal((await stage.becomes(id, 'delivered')).attempts, 1)
  t.notOk(relay.logs.some(({ event }) => event === 'callback_refused'))
})

t.test(
  'LATIN1: an answer that its encoding cannot hold is recorded without its excerpt, with its reason, and is no alarm',
  async t => {
    const stage = await Stage.open(t, { encoding: 'LATIN1' })
    stage.receiver.answer = ({ path }) =>
      path === '/odd' ? { status: 503, body: '失败' } : { status: 503, body: 'déjà' }
    const relay = await stage.relay()
    const odd = await stage.send({}, { path: '/odd', max_attempts: 1 })
    const even = await stage.send({}, { path: '/even', max_attempts: 1 })
    for (const id of [odd, even]) {
      const { last_error, last_http_status } = await stage.becomes(id, 'dead')
      t.equal(last_error, 'gave up after 1 of 1 attempts: HTTP 503 Service Unavailable')
      t.equal(last_http_status, 503)
    }
    const { rows } = await stage.client.query(
      'select error, http_status, response_excerpt from outbox.attempt order by callback_id',
    )
    t.same(rows, [
      { error: 'HTTP 503 Service Unavailable', http_status: 503, response_excerpt: null },
      { error: 'HTTP 503 Service Unavailable', http_status: 503, response_excerpt: 'déjà' },
    ])
    t.same(
      relay.logs.filter(({ level }) => level === 'error'),
      [],
    )
  },
)

t.test('a row that is claimed under an epoch that no relay has had is recovered as unknown, and delivered', async t => {
  const stage = await Stage.open(t)
  const epochs = ['-7', '0', '1', '1000', '9223372036854775807']
  const ids: string[] = []
  for (const epoch of epochs) {
    const id = await stage.send({ epoch })
    await stage.client.query(
      `update outbox.callback set status = 'claimed', attempts = 1, claimed_at = $3, claimed_epoch = $2, rev = 1 where id = $1`,
      [id, epoch, epoch === '0' ? 'infinity' : '2020-01-01'],
    )
    ids.push(id)
  }
  const relay = await stage.relay()
  for (const id of ids) {
    await stage.becomes(id, 'delivered')
    t.same(await stage.outcomes(id), [
      [1, 'unknown'],
      [2, 'delivered'],
    ])
  }
  t.same(troubles(relay), [])
  await eventually(() => assert.equal(stage.receiver.arrivals.length, epochs.length))
})
