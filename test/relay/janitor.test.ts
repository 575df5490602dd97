import assert from 'node:assert/strict'
import { mock } from 'node:test'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { Log } from '../../src/log/log.ts'
import { claim } from '../../src/outbox/claim.ts'
import type { Session, Statement } from '../../src/outbox/session.ts'
import { janitorAskMs, janitorPauseMs, janitorShare, janitorStepMs } from '../../src/policy/tuning.ts'
import { Janitor } from '../../src/relay/janitor.ts'
import { meanwhile } from '../../src/relay/meanwhile.ts'
import { eventually } from '../fixtures/eventually.ts'
import { lateFact, noLateFact } from '../fixtures/late-fact.ts'
import { mockClock } from '../fixtures/mock-clock.ts'
import { silentLog } from '../fixtures/silent-log.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const day = 86_400_000
const never = Number.POSITIVE_INFINITY
const monthAndQuarter = { keepDeliveredMs: 30 * day, keepDeadMs: 90 * day }

t.beforeEach(async () => {
  await stage.query('truncate outbox.callback, outbox.attempt_log, outbox.janitor_run restart identity')
  await stage.session.run('select pg_advisory_unlock_all()')
})

interface Options {
  readonly kept?: { readonly keepDeliveredMs: number; readonly keepDeadMs: number }
  readonly session?: Session
  readonly name?: string
  readonly log?: Log
  readonly mayDelete?: () => boolean
}

function janitor({
  kept = monthAndQuarter,
  session = stage.session,
  name = 'a',
  log = silentLog,
  mayDelete = () => true,
}: Options = {}): Janitor {
  return new Janitor(session, kept, { relay: () => name, log, mayDelete })
}

/** Steps until it rests for long. */
async function finish(one: Janitor): Promise<void> {
  do await one.step()
  while (one.nextAt - performance.now() < 10_000)
}

/** Settled callbacks of this age, or a pending one for null, each with two attempts; returns the id of the last. */
async function write(status: string, days: number | null, count = 1): Promise<string> {
  const [row] = await stage.query<{ id: string }>(
    `with written as (
       insert into outbox.callback (url, status, attempts, claimed_epoch, claimed_at, created_at, settled_at, dead_at, rev)
       select 'https://receiver.test/a', $1, 2, 1, now(), now() - coalesce($2, 400) * interval '1 day', now() - $2 * interval '1 day',
              case $1 when 'dead' then now() - $2 * interval '1 day' end, 2 from generate_series(1, $3)
       returning id, message_id
     ), attempts as (
       insert into outbox.attempt_log (callback_id, message_id, attempt, epoch, outcome, started_at, finished_at, relay)
       select id, message_id, attempt, 1, 'failed', now(), now(), 'a' from written, generate_series(1, 2) attempt
     )
     select max(id) as id from written`,
    [status, days, count],
  )
  return row?.id ?? ''
}

/** Status and age in days of each callback that is left. Each must have its attempts, and no others may be there. */
async function left(): Promise<string[]> {
  const odd = await stage.query(
    `select from outbox.attempt_log a full join outbox.callback c on c.id = a.callback_id and c.message_id = a.message_id
      where a.callback_id is null or c.id is null`,
  )
  assert.equal(odd.length, 0, 'callbacks without attempts, or attempts without callbacks')
  const rows = await stage.query<{ left: string }>(
    `select concat_ws(' ', status, extract(day from now() - settled_at)) as left from outbox.callback order by id`,
  )
  return rows.map(row => row.left)
}

interface Run {
  readonly relay: string
  readonly deleted: string
  readonly error: string | null
  readonly ended: boolean
}

function runs(): Promise<Run[]> {
  return stage.query('select relay, deleted, error, ended_at is not null as ended from outbox.janitor_run order by id')
}

const lockedBy = async (): Promise<number> => {
  const [row] = await stage.query<{ count: number }>(
    `select count(*)::integer as count from pg_locks where locktype = 'advisory' and pid = $1`,
    [stage.session.pid],
  )
  return row?.count ?? 0
}

t.test(
  'delivered ones go at one age, dead and cancelled ones at another, with their attempts; others stay',
  async t => {
    for (const days of [29, 31, 89, 91])
      for (const status of ['delivered', 'dead', 'cancelled']) await write(status, days)
    await write('pending', null)
    await write('claimed', null)
    await finish(janitor())
    t.same(await left(), [
      'delivered 29',
      'dead 29',
      'cancelled 29',
      'dead 31',
      'cancelled 31',
      'dead 89',
      'cancelled 89',
      'pending',
      'claimed',
    ])
    t.same(await runs(), [{ relay: 'a', deleted: '5', error: null, ended: true }])
  },
)

t.test('attempts that were written down since a batch began are deleted with their callbacks', async t => {
  await write('delivered', 40)
  await stage.query(lateFact)
  await finish(janitor())
  await stage.query(noLateFact)
  t.same(await left(), [])
  t.same(await stage.query('select from outbox.attempt_log'), [])
})

t.test('never deletes nothing of its kind', async t => {
  for (const status of ['delivered', 'dead', 'cancelled']) await write(status, 400)
  await finish(janitor({ kept: { keepDeliveredMs: never, keepDeadMs: never } }))
  t.same(await left(), ['delivered 400', 'dead 400', 'cancelled 400'])
  await finish(janitor({ kept: { keepDeliveredMs: never, keepDeadMs: day } }))
  t.same(await left(), ['delivered 400'])
  await write('dead', 400)
  await finish(janitor({ kept: { keepDeliveredMs: day, keepDeadMs: never } }))
  t.same(await left(), ['dead 400'])
})

t.test('a run that was left goes on at its place, with another relay', async t => {
  await write('delivered', 40, 2_500)
  const first = janitor()
  await first.step()
  await first.step()
  t.same(await runs(), [{ relay: 'a', deleted: '1000', error: null, ended: false }])
  // Behind the place, where a run that begins anew would find it.
  await write('delivered', 50)
  await finish(janitor({ name: 'b' }))
  t.same(await runs(), [{ relay: 'b', deleted: '2500', error: null, ended: true }])
  t.same(await left(), ['delivered 50'])
})

t.test('a run that was left by a relay that kept less is given up', async t => {
  await write('delivered', 40, 1_500)
  const short = janitor()
  await short.step()
  await short.step()
  await finish(janitor({ kept: { keepDeliveredMs: 60 * day, keepDeadMs: 90 * day } }))
  t.equal((await left()).length, 500)
  t.match(await runs(), [
    { deleted: '1000', error: /^given up/ },
    { deleted: '0', error: null, ended: true },
  ])
})

t.test('of two relays one is the janitor, and when its session ends the other is', async t => {
  await write('delivered', 40)
  const session = await stage.another()
  const [one, other] = [janitor({ session, name: 'one' }), janitor({ name: 'other' })]
  await one.step()
  await write('delivered', 41)
  await other.step()
  t.same(await runs(), [{ relay: 'one', deleted: '0', error: null, ended: false }])
  t.ok(other.nextAt > performance.now() + 10_000, 'it asks again later')
  await session.close()
  await eventually(async () => {
    await finish(other)
    assert.deepEqual(await runs(), [{ relay: 'other', deleted: '2', error: null, ended: true }])
  })
})

t.test('runs follow each other at a pace, whichever relay is the janitor', async t => {
  await finish(janitor())
  await write('delivered', 40)
  const next = janitor()
  await next.step()
  const restMs = next.nextAt - performance.now()
  t.ok(restMs > janitorPauseMs - 10_000 && restMs <= janitorPauseMs, `${restMs} ms`)
  await stage.query(`update outbox.janitor_run set ended_at = ended_at - interval '6 min'`)
  await finish(next)
  t.same(await left(), [])
  // A run that was busy for long is followed by a longer pause.
  await stage.query(`update outbox.janitor_run set busy = '1 min', ended_at = clock_timestamp() - interval '6 min'`)
  await next.step()
  t.ok(next.nextAt - performance.now() > 13 * 60_000)
})

t.test(
  'where one kind is kept for ever, the next run does not go over it again, but finds what was locked',
  async t => {
    const kept = { keepDeliveredMs: never, keepDeadMs: 90 * day }
    await write('dead', 90)
    const locker = await stage.database.connect()
    await locker.query('begin; select from outbox.callback for update')
    await finish(janitor({ kept }))
    t.same(await left(), ['dead 90'])
    await locker.query('rollback')
    await stage.query(`update outbox.janitor_run set ended_at = ended_at - interval '6 min'`)
    await write('dead', 400)
    await finish(janitor({ kept }))
    t.same(await left(), ['dead 400'], 'as if it had been gone over before')
  },
)

t.test('a relay that stands by deletes nothing, and another one with other ages is the janitor then', async t => {
  await write('delivered', 40, 3)
  let standsBy = false
  const first = janitor({ kept: { keepDeliveredMs: day, keepDeadMs: day }, mayDelete: () => !standsBy })
  await first.step()
  t.match(await runs(), [{ ended: false }], 'it has begun')
  standsBy = true
  await first.step()
  t.equal(await lockedBy(), 0)
  t.ok(first.nextAt - performance.now() > janitorAskMs / 2)
  const [session, other] = [await stage.another(), 'b']
  await finish(janitor({ session, name: other }))
  t.match(await runs(), [{ error: /other ages/ }, { relay: other, deleted: '3' }])
  standsBy = false
  await first.step()
  t.equal(await lockedBy(), 0, 'it asks again, and there is one')
  await session.close()
})

t.test('a row that somebody has locked is left for the next run, and nothing waits', async t => {
  await write('delivered', 40)
  await write('delivered', 40)
  const locker = await stage.database.connect()
  await locker.query(`begin; update outbox.callback set status = 'pending' where id = 1`)
  await stage.session.run(`set lock_timeout = '1ms'`)
  await finish(janitor())
  t.same(await runs(), [{ relay: 'a', deleted: '1', error: null, ended: true }])
  await locker.query('rollback')
  await stage.query(`update outbox.janitor_run set ended_at = ended_at - interval '6 min'`)
  await finish(janitor())
  t.same(await left(), [])
})

t.test('a callback that is replayed goes out again', async t => {
  const id = await write('delivered', 40)
  const one = janitor()
  await one.step()
  await stage.query(`update outbox.callback set status = 'pending' where id = $1`, [id])
  await finish(one)
  t.same(await left(), ['pending'])
})

t.test(
  'no producer, no claim and no report waits for a batch that is not committed, and it waits for none of them',
  async t => {
    await write('delivered', 40, 50)
    const id = await stage.insert()
    const report = await stage.database.connect()
    await report.query('begin isolation level repeatable read; select count(*) from outbox.callback')
    const producer = await stage.database.connect()
    await producer.query(`begin; insert into outbox.callback (url) values ('https://receiver.test/a')`)
    const working = await stage.another()
    await working.run(`begin; set lock_timeout = '1ms'`)
    await finish(janitor({ session: working }))

    for (const client of [report, producer]) await client.query(`set lock_timeout = '1ms'`)
    const claiming = await stage.another()
    await claiming.run(`set lock_timeout = '1ms'`)
    t.equal((await claim(claiming, await stage.register(), [id])).length, 1)
    await producer.query(`insert into outbox.callback (url) values ('https://receiver.test/b'); commit`)
    t.same((await report.query('select count(*) from outbox.callback')).rows, [{ count: '51' }])
    await working.run('commit')
    await working.close()
    t.same(
      (await report.query('select count(*) from outbox.callback')).rows,
      [{ count: '51' }],
      'its snapshot still has all',
    )
    await report.query('commit')
    await stage.force(id, `status = 'pending'`)
    t.equal((await stage.query('select from outbox.callback')).length, 3)
  },
)

t.test('what cannot be deleted ends the run with its reason, and the relay goes on', async t => {
  await write('delivered', 40)
  await stage.query(`
    create table referring (callback bigint references outbox.callback);
    insert into referring select id from outbox.callback`)
  const warned: unknown[] = []
  const log = { ...silentLog, warn: (event: string) => warned.push(event) }
  const one = janitor({ log })
  await finish(one)
  t.match(await runs(), [{ deleted: '0', error: /violates foreign key constraint/, ended: true }])
  t.same(warned, ['janitor_failed'])
  await stage.query('drop table referring')
  await stage.query(`update outbox.janitor_run set ended_at = ended_at - interval '6 min'`)
  await finish(one)
  t.same(await left(), [])
})

t.test('who did what is kept as long as dead callbacks, or for ever', async t => {
  await stage.query(`
    insert into outbox.operation (acted_at, act, condition, done)
    select at, 'cancel', 'id = 1', 1 from unnest(array[now() - interval '91 days', now() - interval '89 days']) at`)
  const acts = () => stage.query('select from outbox.operation')
  await finish(janitor({ kept: { ...monthAndQuarter, keepDeadMs: never } }))
  t.equal((await acts()).length, 2)
  await stage.query('truncate outbox.janitor_run')
  await finish(janitor())
  t.equal((await acts()).length, 1)
})

t.test('runs are remembered for a week', async t => {
  await stage.query(`
    insert into outbox.janitor_run (relay, started_at, ended_at)
    select 'a', at, at from unnest(array[now() - interval '8 days', now() - interval '6 days']) at`)
  await finish(janitor())
  t.equal((await runs()).length, 2)
})

/** A session whose batches take `tookMs` of this clock; it notes their limits. */
function slow(tookMs: () => number, clock = { now: 0 }) {
  const limits: number[] = []
  let underWay = 0
  const rows = async ({ name }: Statement, values: readonly unknown[] = []) => {
    assert.equal(underWay, 0, 'two statements at once')
    underWay += 1
    if (name === 'ringback_janitor_batch') {
      limits.push(Number(values[5]))
      clock.now += tookMs()
    }
    underWay -= 1
    if (name === 'ringback_janitor_lock') return [{ got: true }]
    if (name === 'ringback_janitor_newest') return []
    return [{ id: '1', reachedAt: 'x', reachedId: '1', walked: 1, deleted: 1, workMs: tookMs(), isEnd: false }]
  }
  return { limits, session: { rows } as unknown as Session }
}

t.test('batches shrink until a statement is short, and grow again', async t => {
  let tookMs = janitorStepMs + 5
  const { limits, session } = slow(() => tookMs)
  const one = janitor({ session })
  for (let n = 0; n < 5; n += 1) await one.step()
  t.same(limits, [1_000, 500, 250, 125])
  tookMs = 0
  for (let n = 0; n < 6; n += 1) await one.step()
  t.same(limits.slice(4), [63, 126, 252, 504, 1_000, 1_000])
})

t.test('a batch that takes too long is made smaller later, and the run goes on at its place', async t => {
  const clock = mockClock(t)
  const sent: unknown[] = []
  let mostRows = 1_000
  const rows = async ({ name }: Statement, values: readonly unknown[]) => {
    if (name === 'ringback_janitor_lock') return [{ got: true }]
    if (name === 'ringback_janitor_newest') return []
    sent.push([name, values[2], values[5]])
    if (Number(values[5]) > mostRows) throw Object.assign(new pg.DatabaseError('', 1, 'error'), { code: '57014' })
    return [
      { id: '1', reachedAt: 'x', reachedId: String(sent.length), walked: 1, deleted: 1, workMs: 10, isEnd: false },
    ]
  }
  const one = janitor({ session: { rows } as unknown as Session })
  const step = async () => {
    clock.now = one.nextAt
    await one.step()
  }
  for (let n = 0; n < 2; n += 1) await step()
  mostRows = 200
  for (let n = 0; n < 2; n += 1) await step()
  t.same(sent.slice(1), [
    ['ringback_janitor_batch', '1', 1_000],
    ['ringback_janitor_batch', '2', 1_000],
    ['ringback_janitor_batch', '2', 125],
  ])
})

t.test('it works between reads, a fifth of the time at most, however busy or idle the relay is', async t => {
  const clock = mockClock(t)
  const most = (300 * janitorShare) / 4
  const batchesWithin300Ms = async (wait: () => Promise<string>): Promise<number> => {
    const { limits, session } = slow(() => 4, clock)
    const one = janitor({ session })
    await one.step()
    const startedAt = clock.now
    while (clock.now - startedAt < 300) t.equal(await meanwhile(wait(), [one]), 'read')
    return limits.length
  }
  const busy = await batchesWithin300Ms(async () => {
    clock.now += 1
    return 'read'
  })
  // Timers go by this clock, a millisecond a turn of the event loop, and by what a batch took.
  mock.timers.enable({ apis: ['setTimeout'] })
  let timersAt = clock.now
  let ticking = setImmediate(function tick() {
    clock.now += 1
    mock.timers.tick(clock.now - timersAt)
    timersAt = clock.now
    ticking = setImmediate(tick)
  })
  const idle = await batchesWithin300Ms(() => new Promise(resolve => setTimeout(() => resolve('read'), 60)))
  clearImmediate(ticking)
  mock.timers.reset()
  for (const [what, batches] of Object.entries({ busy, idle }))
    t.ok(batches >= 3 && batches <= most + 2, `${what}: ${batches} batches, ${most} at most`)
})

t.test('a lost session ends it with the reason, and leaves no rejection behind', async (t: Test) => {
  const one = janitor({ session: { rows: () => Promise.reject(new Error('gone')) } as unknown as Session })
  t.equal(await meanwhile(Promise.resolve(7), [one]), 7, 'it is not time yet')
  await t.rejects(one.step(), { message: 'gone' })
})

t.test('it takes one lock, which is not the one that sleeping needs', async t => {
  await finish(janitor())
  t.equal(await lockedBy(), 1)
  const [row] = await stage.query<{ got: boolean }>(
    `select pg_try_advisory_xact_lock(hashtextextended('ringback wake outbox', 0)) as got`,
  )
  t.ok(row?.got)
})
