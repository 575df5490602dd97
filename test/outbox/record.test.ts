import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Attempt, Decision, OutcomeKind } from '../../src/model.ts'
import { claim } from '../../src/outbox/claim.ts'
import { databaseOf } from '../../src/outbox/database.ts'
import { readHistory } from '../../src/outbox/history.ts'
import { look } from '../../src/outbox/look.ts'
import { record } from '../../src/outbox/record.ts'
import { release } from '../../src/outbox/release.ts'
import { hashtext } from '../fixtures/hashtext.ts'
import { type Columns, Stage } from '../fixtures/stage.ts'
import { attempt, claimNew, claimOne, dead, delivered, gone, retry, type Sent } from './attempts.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register('1')

const kinds: readonly OutcomeKind[] = ['delivered', 'rejected', 'failed', 'not_sent', 'unknown']
const atOnce: Decision = { status: 'pending', retryInMs: 0, reason: 'released' }

const fresh = (columns: Columns = {}) => claimNew(stage, epoch, columns)
/** Ids of the rows that became what was decided. */
const write = async (...attempts: Attempt[]) =>
  new Set((await record(stage.session, attempts, { relay: 'relay-a', epoch }, 0)).keys())

const history = (id: string) =>
  stage.query<{
    attempt: number
    epoch: string
    outcome: string
    error: string | null
    http_status: number | null
    relay: string
  }>('select * from outbox.attempt where callback_id = $1 order by attempt, epoch', [id])

t.test('every outcome with every decision, in one statement', async t => {
  const attempts: Attempt[] = []
  for (const kind of kinds)
    for (const decision of [delivered, dead, retry]) attempts.push(attempt(await fresh(), decision, kind))
  const done = await write(...attempts)
  t.same(done, new Set(attempts.map(({ id }) => id)))
  for (const { id, outcome, decision } of attempts) {
    const name = `${outcome.kind}, ${decision.status}`
    const row = await stage.row(id)
    t.match(row, { status: decision.status, attempts: 1, rev: '2', last_http_status: outcome.httpStatus }, name)
    t.equal(row.last_error, decision.status === 'delivered' ? null : decision.reason, name)
    t.equal(row.settled_at !== null, decision.status !== 'pending', name)
    t.equal(row.dead_at !== null, decision.status === 'dead', name)
    t.equal(row.due_at !== null, decision.status === 'pending', name)
    t.match(await history(id), [
      {
        attempt: 1,
        epoch: '1',
        outcome: outcome.kind,
        error: outcome.error,
        http_status: outcome.httpStatus,
        relay: 'relay-a',
      },
    ])
  }
})

t.test('sent twice, as after a lost reply, it changes nothing the second time', async t => {
  for (const decision of [delivered, dead, retry]) {
    const made = attempt(await fresh(), decision)
    t.equal((await write(made)).size, 1)
    const [row, made1] = [await stage.row(made.id), await history(made.id)]
    t.equal((await write(made)).size, 0, decision.status)
    t.same(await stage.row(made.id), row)
    t.same(await history(made.id), made1)
  }
})

t.test('an attempt of another epoch or number is written down and changes nothing', async t => {
  for (const decision of [delivered, dead, retry]) {
    const now = await fresh()
    const row = await stage.row(now.id)
    const stale = [
      { ...now, epoch: '0' },
      { ...now, epoch: '2' },
      { ...now, attempt: 2 },
      { ...now, attempt: 0 },
    ]
    for (const key of stale) t.equal((await write(attempt(key, decision))).size, 0)
    t.same(await stage.row(now.id), row, decision.status)
    t.equal((await history(now.id)).length, 4)
  }
})

t.test('an outcome that comes after its claim was released hits neither the row nor its next claim', async t => {
  for (const decision of [delivered, dead, retry]) {
    const first = await fresh()
    t.equal((await release(stage.session, epoch, [first])).size, 1)
    const waiting = await stage.row(first.id)
    t.equal((await write(attempt(first, decision))).size, 0, decision.status)
    t.same(await stage.row(first.id), waiting)
    const again = await claimOne(stage, epoch, first.id)
    t.match(
      again,
      { attempt: first.attempt, epoch: first.epoch, messageId: first.messageId },
      'only rev tells them apart',
    )
    t.equal((await write(attempt(first, decision))).size, 0)
    t.match(await stage.row(first.id), { status: 'claimed', rev: String(again.rev) })
    t.equal((await write(attempt(again, decision))).size, 1)
  }
})

/** What the record of one attempt names as the next of its key. */
const named = async (of: Sent, decision: Decision) =>
  (await record(stage.session, [attempt(of, decision)], { relay: 'relay-a', epoch }, 0)).get(of.id)

t.test('a row that is settled names the first unsettled row of its key; one that is not names none', async t => {
  const url = 'https://other.test/'
  for (const decision of [delivered, dead, retry]) {
    const ordering_key = decision.status
    const claimed = await fresh({ ordering_key })
    const id = await stage.insert({ ordering_key, url })
    const next = {
      id,
      orderingKey: ordering_key,
      origin: 'https://other.test',
      urlHash: hashtext(url),
      dueUs: null,
      standing: 'due',
      rev: 0,
      tried: 0,
      maxAttempts: null,
    }
    t.same(await named(claimed, decision), { orderingKey: ordering_key, next: decision === retry ? null : next })
  }
  t.match(await named(await fresh({ ordering_key: 'alone' }), delivered), { orderingKey: 'alone', next: null })
  t.same(await named(await fresh(), delivered), { orderingKey: null, next: null })
})

t.test('the next of a key is named however it stands', async t => {
  const claimedBy = (epoch: number) => `status = 'claimed', attempts = 1, claimed_at = now(), claimed_epoch = ${epoch}`
  const stands = {
    later: `due_at = '2999-01-01'`,
    'claimed here': claimedBy(1),
    'claimed elsewhere': claimedBy(2),
  }
  for (const [standing, change] of Object.entries(stands)) {
    const first = await fresh({ ordering_key: standing })
    const second = await stage.insert({ ordering_key: standing })
    await stage.force(second, change)
    const dueUs = standing === 'later' ? Date.parse('2999-01-01') * 1_000 : null
    t.match(await named(first, delivered), { next: { id: second, standing, dueUs } })
  }
})

t.test('an attempt of a callback that was deleted is not written down: nothing would ever delete it', async t => {
  const key = { id: '9223372036854775807', messageId: randomUUID(), attempt: 1, epoch: '1', rev: 1 }
  t.equal((await write(attempt(key, delivered, 'delivered'))).size, 0)
  t.same(await history(key.id), [])
})

/** A row of relay-a that its heir has released: what relay-a saw was unknown to it. */
async function released(): Promise<Sent> {
  const key = await fresh()
  const judged = { ...attempt(key, atOnce, 'unknown'), writtenEpoch: '2' }
  t.equal((await record(stage.session, [judged], { relay: 'relay-b', epoch: '2' }, 0)).size, 1)
  return key
}

t.test('a 2xx that comes late settles a row that an heir has released and nobody has claimed since', async t => {
  const key = await released()
  t.equal((await write(attempt(key, delivered, 'delivered'))).size, 1)
  t.match(await stage.row(key.id), { status: 'delivered', attempts: 1, due_at: null, last_error: null })
  t.match(await history(key.id), [
    { attempt: 1, epoch: '1', outcome: 'delivered', relay: 'relay-a' },
    { attempt: 1, epoch: '2', outcome: 'unknown', relay: 'relay-b' },
  ])
})

t.test('any other outcome that comes late does not, but is written down', async t => {
  for (const decision of [dead, retry]) {
    const key = await released()
    const row = await stage.row(key.id)
    t.equal((await write(attempt(key, decision, 'rejected'))).size, 0)
    t.same(await stage.row(key.id), row)
    t.match(await history(key.id), [{ outcome: 'rejected' }, { outcome: 'unknown' }])
  }
})

t.test('a late 2xx does not settle a row that was claimed again, cancelled or replayed', async t => {
  const again = await released()
  t.equal((await claim(stage.session, epoch, [again.id])).length, 1)
  const cancelled = await released()
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [cancelled.id])
  const replayed = await released()
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [replayed.id])
  await stage.query(`update outbox.callback set status = 'pending' where id = $1`, [replayed.id])
  for (const key of [again, cancelled, replayed]) {
    const row = await stage.row(key.id)
    t.equal((await write(attempt(key, delivered, 'delivered'))).size, 0)
    t.same(await stage.row(key.id), row)
    t.match(await history(key.id), [{ outcome: 'delivered' }, { outcome: 'unknown' }])
  }
})

t.test('a late 2xx for what a row said before it was amended does not settle what it says now', async t => {
  for (const amend of [`url = 'https://receiver.test/b'`, `form = '{"a":2}'`]) {
    const key = await released()
    await stage.query(`update outbox.callback set ${amend} where id = $1`, [key.id])
    t.equal((await write(attempt(key, delivered, 'delivered'))).size, 0, amend)
    t.match(await stage.row(key.id), { status: 'pending', claimed_epoch: null }, amend)
    t.match(await history(key.id), [{ outcome: 'delivered' }, { outcome: 'unknown' }], amend)
  }
})

t.test('a late 2xx settles a row of which nothing was amended that is sent', async t => {
  const key = await released()
  const text = `update outbox.callback set url = url, form = form, max_attempts = 7, expires_at = '2999-01-01' where id = $1`
  await stage.query(text, [key.id])
  t.equal((await write(attempt(key, delivered, 'delivered'))).size, 1)
})

t.test('the outcome of a row that a failover lost is not recorded of the row that has its id now', async t => {
  for (const decision of [delivered, dead, retry, gone]) {
    const lost = await fresh()
    // As superuser, and without the triggers: an unsettled row cannot be deleted.
    await stage.query(`set session_replication_role = 'replica'`)
    await stage.query('delete from outbox.callback where id = $1', [lost.id])
    await stage.query('reset session_replication_role')
    await stage.query(
      `insert into outbox.callback (id, url) overriding system value values ($1, 'https://receiver.test/b')`,
      [lost.id],
    )
    const standing = await stage.row(lost.id)
    t.equal((await write(attempt(lost, decision))).size, 0, decision.status)
    t.same(await stage.row(lost.id), standing, 'while it waits')
    const mine = await claimOne(stage, epoch, lost.id)
    t.match(
      mine,
      { id: lost.id, attempt: lost.attempt, epoch: lost.epoch, rev: lost.rev },
      'only message_id tells them apart',
    )
    const claimed = await stage.row(lost.id)
    t.equal((await write(attempt(lost, decision))).size, 0)
    t.same(await stage.row(lost.id), claimed, 'while it is being sent')
    t.same(await history(lost.id), [])
    t.same(
      (await look(stage.session, epoch, [lost.id])).map(row => row.messageId),
      [mine.messageId],
    )
    t.same(await stage.query('select from outbox.hold'), [])
    t.equal((await write(attempt(mine, delivered, 'delivered'))).size, 1)
    t.match(await history(lost.id), [{ attempt: 1, outcome: 'delivered' }])
  }
})

t.test('a row that somebody has locked is not done, nothing waits for it, and it can be sent again', async t => {
  const [locked, free] = [attempt(await fresh(), retry), attempt(await fresh(), delivered, 'delivered')]
  const operator = await stage.database.connect()
  await operator.query('begin')
  await operator.query('select from outbox.callback where id = $1 for update', [locked.id])
  await stage.session.run(`set lock_timeout = '1ms'`)
  t.same(await write(locked, free), new Set([free.id]))
  await operator.query('commit')
  t.match(await stage.row(locked.id), { status: 'claimed', rev: '1' })
  t.same(await write(locked), new Set([locked.id]))
  t.match(await stage.row(locked.id), { status: 'pending', rev: '2' })
  t.equal((await history(locked.id)).length, 1)
})

t.test('a retry is due after its pause, but not after the row expires', async t => {
  const far = attempt(await fresh({ expires_at: '2100-01-01T00:00Z' }), retry)
  const near = attempt(await fresh({ expires_at: new Date(Date.now() + 30_000).toISOString() }), retry)
  await write(far, near)
  const seconds = await stage.query<{ id: string; pause: number; capped: boolean }>(
    `select id, extract(epoch from due_at - clock_timestamp())::float8 as pause, due_at = expires_at as capped
       from outbox.callback where id = any ($1) order by id`,
    [[far.id, near.id]],
  )
  t.match(seconds, [{ capped: false }, { capped: true }])
  t.ok(seconds[0] && seconds[0].pause > 50 && seconds[0].pause <= 60, String(seconds[0]?.pause))
})

t.test('whatever a receiver says can be stored; NUL goes', async t => {
  const odd = `a\0b\ud800c\udfff \u001b[31m \u{1f600} \\ ' " {"x":"\\u0000"} ${'é'.repeat(5_000)}`
  const kept = odd.replace('\0', '').replace('\ud800', '\ufffd').replace('\udfff', '\ufffd')
  const key = await fresh()
  await write(attempt(key, { ...dead, reason: odd }, 'failed', { error: odd, responseExcerpt: odd }))
  t.equal((await stage.row(key.id)).last_error, kept)
  t.match(await history(key.id), [{ error: kept, response_excerpt: kept }])
})

t.test('ages become times of the database’s clock', async t => {
  const key = await fresh()
  const facts = { startedAtMs: 1_000, finishedAtMs: 3_500.5 }
  await record(stage.session, [attempt(key, delivered, 'delivered', facts)], { relay: 'relay-a', epoch }, 11_000)
  const [row] = await stage.query<{ took: number; ago: number }>(
    `select extract(epoch from finished_at - started_at)::float8 as took, extract(epoch from clock_timestamp() - started_at)::float8 as ago
       from outbox.attempt where callback_id = $1`,
    [key.id],
  )
  t.ok(row && Math.abs(row.took - 2.5005) < 0.001, `took ${row?.took}`)
  t.ok(row && row.ago >= 10 && row.ago < 15, `started ${row?.ago} s ago`)
})

t.test('two hundred at once', async t => {
  const ids = (
    await stage.query<{ id: string }>(
      `insert into outbox.callback (url) select 'https://a.test' from generate_series(1, 200) returning id`,
    )
  ).map(({ id }) => id)
  const claims = await claim(stage.session, epoch, ids)
  t.same((await write(...claims.map(key => attempt(key, delivered, 'delivered')))).size, 200)
})

t.test(
  'after TRUNCATE ... RESTART IDENTITY an attempt of the new row is on record beside one in the log of the old',
  async t => {
    await stage.query('truncate outbox.callback, outbox.attempt_log restart identity')
    const old = await fresh()
    await write(attempt(old, retry))
    await stage.query('truncate outbox.callback restart identity')
    const now = await fresh()
    t.match(
      now,
      { id: old.id, attempt: old.attempt, epoch: old.epoch, rev: old.rev },
      'only message_id tells them apart',
    )
    await write(attempt(now, delivered, 'delivered'))
    t.match(
      await stage.query('select message_id, outcome from outbox.attempt where callback_id = $1 order by started_at', [
        now.id,
      ]),
      [
        { message_id: old.messageId, outcome: 'failed' },
        { message_id: now.messageId, outcome: 'delivered' },
      ],
    )
    const history = await readHistory(databaseOf(stage.session), now.id)
    t.match(history?.made, [{ outcome: 'delivered' }], 'and only the new one is shown')
    t.equal(history?.made.length, 1)
  },
)
