import t from 'tap'
import type { Attempt, Decision } from '../../src/model.ts'
import { record } from '../../src/outbox/record.ts'
import { Stage } from '../fixtures/stage.ts'
import { attempt, claimNew, claimOne, dead, delivered, retry, type Sent } from './attempts.ts'

/** Where an attempt stands, and that `outbox.attempt` shows it once, wherever that is. */

const stage = await Stage.withSession(t)
const epoch = await stage.register()
const atOnce: Decision = { status: 'pending', retryInMs: 0, reason: 'HTTP 503' }

const fresh = () => claimNew(stage, epoch)
const write = (...attempts: Attempt[]) => record(stage.session, attempts, { relay: 'relay-a', epoch }, 0)

const claimAgain = (id: string) => claimOne(stage, epoch, id)

/** As an heir writes down what became of an attempt of a relay that is dead. */
const assumed = (of: Sent, decision: Decision): Attempt => ({ ...attempt(of, decision, 'unknown'), writtenEpoch: '2' })

/** Of each attempt in the view: number, epoch, outcome. */
async function shown(id: string): Promise<string[]> {
  const rows = await stage.query<{ line: string }>(
    `select concat_ws(' ', attempt, epoch, outcome) as line from outbox.attempt where callback_id = $1 order by attempt, epoch`,
    [id],
  )
  return rows.map(({ line }) => line)
}

/** Numbers of the attempts in the log. */
async function logged(id: string): Promise<number[]> {
  const rows = await stage.query<{ attempt: number }>(
    'select attempt from outbox.attempt_log where callback_id = $1 order by attempt, epoch',
    [id],
  )
  return rows.map(row => row.attempt)
}

async function operator(change: string, id: string): Promise<void> {
  const client = await stage.database.connect()
  await client.query('set role outbox_operator')
  await client.query(`update outbox.callback set ${change} where id = $1`, [id])
  await client.end()
}

t.test('an attempt that settles its callback stands in its row, with all that is known of it', async t => {
  for (const [decision, kind, facts] of [
    [delivered, 'delivered', { httpStatus: 204, error: null, responseExcerpt: null }],
    [dead, 'failed', { httpStatus: 503, error: 'HTTP 503', responseExcerpt: 'not now' }],
  ] as const) {
    const key = await fresh()
    await write(attempt(key, decision, kind, facts))
    t.same(await logged(key.id), [], kind)
    const made = await stage.query('select * from outbox.attempt where callback_id = $1', [key.id])
    t.match(made, [
      {
        callback_id: key.id,
        message_id: key.messageId,
        attempt: 1,
        epoch: key.epoch,
        started_at: Date,
        finished_at: Date,
        outcome: kind,
        http_status: facts.httpStatus,
        error: facts.error,
        response_excerpt: facts.responseExcerpt,
        relay: 'relay-a',
      },
    ])
  }
})

t.test('an attempt after which its callback waits stands in the log, and the row carries none', async t => {
  const key = await fresh()
  await write(attempt(key, atOnce))
  t.same(await logged(key.id), [1])
  const [row] = await stage.query('select * from outbox.callback where id = $1', [key.id])
  t.match(row, { last_started_at: null, last_outcome: null, last_relay: null, last_http_status: 503 })
  await write(attempt(await claimAgain(key.id), delivered, 'delivered'))
  t.same(await logged(key.id), [1])
  t.same(await shown(key.id), ['1 1 failed', '2 1 delivered'])
})

t.test('a record that is sent again, as after a lost reply, shows once and adds nothing to the log', async t => {
  for (const [decision, entries] of [
    [delivered, 0],
    [dead, 0],
    [retry, 1],
  ] as const) {
    const made = attempt(await fresh(), decision)
    for (let times = 0; times < 3; times += 1) await write(made)
    t.equal((await logged(made.id)).length, entries, decision.status)
    t.same(await shown(made.id), ['1 1 failed'])
  }
})

t.test('what could be recorded only when its row was not locked any more shows once, before and after', async t => {
  const made = attempt(await fresh(), dead)
  const other = await stage.database.connect()
  await other.query('begin')
  await other.query('select from outbox.callback where id = $1 for no key update', [made.id])
  t.equal((await write(made)).size, 0)
  t.same(await shown(made.id), ['1 1 failed'], 'while it is locked')
  await other.query('rollback')
  t.equal((await write(made)).size, 1)
  t.same(await shown(made.id), ['1 1 failed'], 'as the row has it')
  await operator(`status = 'pending'`, made.id)
  t.same(await shown(made.id), ['1 1 failed'], 'as the log has it')
})

t.test('of a row that is just being deleted nothing is written, whoever is first', async t => {
  const [key, other] = [await fresh(), await stage.database.connect()]
  t.equal((await write(assumed(key, dead))).size, 1)
  await other.query('begin')
  await other.query('delete from outbox.callback where id = $1', [key.id])
  t.equal((await write(attempt(key, delivered, 'delivered'))).size, 0)
  await other.query('commit')
  t.same(await logged(key.id), [])

  const again = await fresh()
  t.equal((await write(assumed(again, dead))).size, 1)
  await stage.session.run('begin')
  t.equal((await write(attempt(again, delivered, 'delivered'))).size, 0)
  await other.query(`begin; set local lock_timeout = '1ms'`)
  await t.rejects(other.query('delete from outbox.callback where id = $1', [again.id]), { code: '55P03' })
  await other.query('rollback')
  await stage.session.run('commit')
  t.same(await logged(again.id), [1])
})

t.test('what a relay saw shows beside what its heir had to assume', async t => {
  for (const decision of [dead, atOnce]) {
    const key = await fresh()
    t.equal((await write(assumed(key, decision))).size, 1)
    t.same(await shown(key.id), ['1 2 unknown'])
    t.equal((await write(attempt(key, dead, 'rejected'))).size, 0)
    t.same(await shown(key.id), ['1 1 rejected', '1 2 unknown'], decision.status)
  }
})

t.test('what an heir had to assume is not written of a row that was recorded meanwhile', async t => {
  for (const decision of [delivered, dead, retry]) {
    const key = await fresh()
    await write(attempt(key, decision))
    t.equal((await write(assumed(key, atOnce))).size, 0)
    t.same(await shown(key.id), ['1 1 failed'], decision.status)
  }
})

t.test('replays keep every attempt and its number', async t => {
  let key = await fresh()
  const { id } = key
  for (const n of [1, 2, 3]) {
    await write(attempt(key, dead))
    await operator(`status = 'pending'`, id)
    t.same(
      await shown(id),
      Array.from({ length: n }, (_, before) => `${before + 1} 1 failed`),
    )
    key = await claimAgain(id)
  }
  await write(attempt(key, delivered, 'delivered'))
  t.same(await shown(id), ['1 1 failed', '2 1 failed', '3 1 failed', '4 1 delivered'])
  t.same(await logged(id), [1, 2, 3])
})

t.test(
  'to amend or to cancel a callback changes nothing of its attempts, nor does a replay of what was cancelled',
  async t => {
    const key = await fresh()
    await write(attempt(key, atOnce))
    for (const change of [`url = 'https://receiver.test/b'`, `status = 'cancelled'`, `status = 'pending'`]) {
      await operator(change, key.id)
      t.same(await shown(key.id), ['1 1 failed'], change)
    }
  },
)

t.test('one UPDATE replays many, each with its attempt', async t => {
  const [count] = await stage.query<{ rows: number }>(`
    with written as (
      insert into outbox.callback (url, status, attempts, settled_at, dead_at, rev, last_started_at, last_finished_at, last_epoch, last_outcome, last_relay)
      select 'https://many.test/', 'dead', 1, now(), now(), 1, now(), now(), 1, 'failed', 'relay-a' from generate_series(1, 10000)
      returning id
    ) select count(*)::integer as rows from written`)
  const client = await stage.database.connect()
  await client.query('set role outbox_operator')
  const { rows } = await client.query(
    `update outbox.callback set status = 'pending' where origin = 'https://many.test' returning id`,
  )
  t.equal(rows.length, count?.rows)
  const ids = rows.map(({ id }) => id)
  t.match(
    await stage.query(
      'select count(*)::integer, count(distinct callback_id)::integer as callbacks from outbox.attempt where callback_id = any ($1)',
      [ids],
    ),
    [{ count: 10_000, callbacks: 10_000 }],
  )
})

t.test('a purge leaves nothing of a callback in the log', async t => {
  const key = await fresh()
  await write(attempt(key, atOnce))
  await write(attempt(await claimAgain(key.id), dead))
  await write(attempt({ ...key, epoch: '0' }, dead))
  t.same(await logged(key.id), [1, 1])
  await stage.query('select outbox.purge(id => $1)', [key.id])
  t.same(await logged(key.id), [])
  t.same(await shown(key.id), [])
})
