import assert from 'node:assert/strict'
import pg from 'pg'
import t, { type Test } from 'tap'
import { Backlog } from '../../src/backlog/backlog.ts'
import { type OriginSettings, Scopes } from '../../src/backlog/scopes.ts'
import type { RetryPolicy } from '../../src/policy/decision.ts'
import { choresMs, dueAheadMs, duePauseMs, jumpIds, newFirstMs } from '../../src/policy/tuning.ts'
import { Agenda } from '../../src/relay/agenda.ts'
import { AutoResetEvent } from '../../src/relay/auto-reset-event.ts'
import { Background } from '../../src/relay/background.ts'
import { Healer } from '../../src/relay/healer.ts'
import { Holds } from '../../src/relay/holds.ts'
import { Reader } from '../../src/relay/reader.ts'
import { Recorder } from '../../src/relay/recorder.ts'
import { Recovery } from '../../src/relay/recovery.ts'
import { Refusals } from '../../src/relay/refusals.ts'
import { inspect } from '../backlog/inspection.ts'
import { eventually } from '../fixtures/eventually.ts'
import { mockClock } from '../fixtures/mock-clock.ts'
import { recordingLog } from '../fixtures/recording-log.ts'
import { shownRow } from '../fixtures/shown-row.ts'
import { silentLog } from '../fixtures/silent-log.ts'
import { Stage } from '../fixtures/stage.ts'

const settings: OriginSettings = {
  concurrency: 4,
  growsTo: 4,
  ratePerSecond: null,
  deadlineMs: 1_000,
  breaker: { failures: 10, pauseMs: 60_000 },
}
const policy: RetryPolicy = {
  baseMs: 1_000,
  capMs: 1_000,
  retryAfterCapMs: 1_000,
  settingsOf: () => ({ maxAttempts: 5, unknown: 'resend' }),
}

/** A relay that reads and sends nothing, on a database of its own. `mine`: whose origins are its. */
async function reading(t: Test, { memoryRows = 4_000, isMine = (_: string): boolean => true } = {}) {
  const stage = await Stage.withSession(t)
  const epoch = await stage.register()
  const scopes = new Scopes({ settingsOf: () => settings, concurrency: 100, slowConcurrency: 100 })
  const holds = new Holds()
  const backlog = new Backlog({
    memoryRows,
    room: origin => (holds.isHeld(origin) ? 0 : scopes.room(origin, performance.now())),
    slots: () => 1_000,
    isMine,
  })
  const nothing = () => {}
  const events = { recorded: nothing, repeated: nothing, overtaken: nothing, lost: nothing }
  const recorder = new Recorder({ relay: () => 'relay-a', epoch: () => epoch, log: silentLog }, events)
  const parts = { session: stage.session, background: new Background(stage.session, silentLog), epoch: () => epoch }
  const expired: string[] = []
  const agenda = new Agenda()
  const { log, lines } = recordingLog()
  const refusals = new Refusals(log, 'callback_refused')
  const healer = new Healer({
    backlog,
    scopes,
    unforwarded: refusals,
    epoch: () => epoch,
    isMine,
    isHeld: origin => holds.isHeld(origin),
    settingsOf: () => ({ deadlineMs: 1_000, maxAttempts: 5, breaker: { failures: 10, pauseMs: 1_000 } }),
    retryCapMs: policy.capMs,
    freed: nothing,
  })
  /** What was ahead of these origins may not begin any more. */
  const givenUp: string[] = []
  const recovery = new Recovery({
    ...parts,
    recorder,
    unreleased: refusals,
    policy,
    mayJudge: () => true,
    isUnderWay: id => recorder.holds(id.id),
    lostReads: () => new Map(),
  })
  const reader = new Reader({
    ...parts,
    ahead: {
      giveUp: isMeant => {
        givenUp.push(...['https://held.test', 'https://other.test', 'http://held.test'].filter(isMeant))
      },
    },
    claimer: { claimAsRead: async () => null },
    backlog,
    scopes,
    holds,
    healer,
    recovery,
    agenda,
    unexpired: refusals,
    claimable: new AutoResetEvent(),
    expired: ids => expired.push(...ids),
  })
  /** As often as the relay would at once. */
  const look = async () => {
    agenda.isNewWanted = true
    let last = await reader.look(false)
    for (let looks = 0; last.more && looks < 300; looks += 1) last = await reader.look(true)
    return last
  }
  const known = () => new Set(inspect(backlog).rows.map(({ id }) => id))
  /** Looks, as a relay would again and again: a pull that has to rest goes on at a later one. */
  const untilKnown = (id = '') =>
    eventually(async () => {
      await look()
      assert.ok(known().has(id), `${id} is not known`)
    })
  const settle = (ids: readonly string[]) =>
    stage.query(
      `update outbox.callback set status = 'delivered', settled_at = now(), due_at = null, rev = rev + 1 where id = any ($1::bigint[])`,
      [ids],
    )
  return {
    stage,
    epoch,
    scopes,
    backlog,
    recorder,
    recovery,
    agenda,
    reader,
    givenUp,
    look,
    known,
    untilKnown,
    settle,
    lines,
  }
}

async function flood(stage: Stage, rows: number, host: string): Promise<string[]> {
  const written = await stage.query<{ id: string }>(
    `insert into outbox.callback (url) select 'https://' || $2 || '.test/' || n from generate_series(1, $1::int) n returning id`,
    [rows, host],
  )
  return written.map(({ id }) => id)
}

t.test('a row that is committed is known at the next look, and that says how many were new', async t => {
  const { stage, agenda, reader, look, known } = await reading(t)
  await look()
  const id = await stage.insert()
  await reader.look(true)
  t.notOk(known().has(id), 'nobody has hinted')
  agenda.isNewWanted = true
  t.match(await reader.look(true), { found: 1, fresh: 1, more: false })
  t.ok(known().has(id))
  agenda.isNewWanted = true
  t.match(await reader.look(true), { found: 0, fresh: 0 })
})

t.test('what was there before is found, however long ago it was written', async t => {
  const { stage, look, known } = await reading(t)
  const [first = ''] = await flood(stage, 10, 'early')
  await stage.query(`select setval('outbox.callback_id_seq', 1000000)`)
  const late = await stage.insert({ url: 'https://late.test/' })
  const tried = await stage.insert({ url: 'https://tried.test/' })
  await stage.force(tried, `due_at = now() - interval '1 day', created_at = now() - interval '2 days', attempts = 1`)
  await look()
  t.same(
    [first, late, tried].filter(id => !known().has(id)),
    [],
  )
})

t.test('what is written behind a flood is known at once, while most of the flood waits in the table', async t => {
  const { stage, backlog, look, untilKnown } = await reading(t)
  await look()
  const ids = await flood(stage, 20_000, 'flooded')
  const healthy = await stage.insert({ url: 'https://healthy.test/' })
  // Nothing is taken: they are known while the flood waits, or never.
  await untilKnown(healthy)
  await untilKnown(ids[0])
  t.ok(backlog.size < 50, `${backlog.size} rows: what the origin has room for`)
  const later = await flood(stage, 300, 'later')
  await untilKnown(later[0])
  t.ok(backlog.size < 50, `${backlog.size} rows: what two origins have room for`)
})

t.test('a tip that is far behind goes on near the end: what is written then does not wait for all of it', async t => {
  const { stage, agenda, reader, known } = await reading(t)
  await reader.look(false)
  await flood(stage, 2 * jumpIds + 5_000, 'flooded')
  const healthy = await stage.insert({ url: 'https://healthy.test/' })
  let read = 0
  await eventually(async () => {
    agenda.isNewWanted = true
    read += (await reader.look(true)).fresh
    assert.ok(known().has(healthy))
  })
  t.ok(read < jumpIds, `after ${read} rows`)
})

t.test('all of a flood is handed out, each row once, in its order', async t => {
  const { stage, backlog, scopes, look, settle } = await reading(t)
  await look()
  const ids = await flood(stage, 3 * jumpIds, 'flooded')
  const taken: string[] = []
  const origin = 'https://flooded.test'
  for (const deadline = performance.now() + 60_000; taken.length < ids.length && performance.now() < deadline; ) {
    await look()
    const batch = backlog.take(2_000, performance.now()).map(({ id }) => id)
    taken.push(...batch)
    const now = performance.now()
    for (const id of batch) {
      scopes.started({ id, origin, urlHash: 0 }, now)
      scopes.ended(
        id,
        { receiver: 'alive', isOfConnection: false, restMs: 0, startedAtMs: now, finishedAtMs: now },
        now,
      )
    }
    await settle(batch)
    for (const id of batch) backlog.ended(id, 'settled', null)
  }
  t.equal(taken.length, ids.length)
  t.equal(new Set(taken).size, ids.length)
  const early = new Set(ids.slice(0, 1_000))
  t.ok(taken.slice(0, 5_000).filter(id => early.has(id)).length > 900, 'what was written first is among the first')
  t.equal(backlog.size, 0)
})

t.test('an origin that rests has one row in memory, whatever it has in the table', async t => {
  const { stage, backlog, scopes, look, settle } = await reading(t)
  const origin = 'https://dead.test'
  const now = performance.now()
  for (let n = 0; n < settings.breaker.failures; n += 1) {
    scopes.started({ id: 'first', origin, urlHash: 0 }, now + n)
    scopes.ended(
      'first',
      { receiver: 'failing', isOfConnection: true, restMs: 0, startedAtMs: now + n, finishedAtMs: now + n },
      now + n,
    )
  }
  await look()
  await flood(stage, 5_000, 'dead')
  // On a busy machine a pull has to rest between two looks.
  const untilOne = () =>
    eventually(async () => {
      await look()
      assert.equal(backlog.size, 1)
    })
  await untilOne()
  const [probe] = backlog.take(9, now)
  await settle([probe?.id ?? ''])
  backlog.ended(probe?.id ?? '', 'settled', null)
  await untilOne()
  const [touched] = await stage.query<{ rows: number }>(
    `select count(*)::int as rows from outbox.callback where rev > 0 and status = 'pending'`,
  )
  t.equal(touched?.rows, 0, 'nothing is written for what waits')
})

t.test('a row with a due time is known when it is due, and the look says when that is', async t => {
  const { stage, reader, look, known } = await reading(t)
  await look()
  const id = await stage.insert({ due_at: new Date(Date.now() + 400) })
  const { alarmAt } = await look()
  t.notOk(known().has(id))
  const inMs = alarmAt - performance.now()
  t.ok(inMs <= 400, `${inMs} ms`)
  await eventually(async () => {
    await reader.look(false)
    assert.ok(known().has(id))
  })
})

t.test('due rows are read again before a later row can be due, and no sooner than for the chores', async t => {
  const clock = mockClock(t, performance.now())
  const { stage, agenda, reader, look, known } = await reading(t)
  const id = await stage.insert({ due_at: new Date(Date.now() + 3_600_000) })
  await look()
  t.equal(agenda.nextDueAt, clock.now + dueAheadMs)
  t.ok(dueAheadMs > choresMs)
  await stage.query(`update outbox.callback set due_at = clock_timestamp() where id = $1`, [id])
  clock.now = agenda.nextDueAt
  await reader.look(true)
  t.ok(known().has(id))
})

t.test('a search for orphaned claims goes on when it is time, and is over soon where nothing waits', async t => {
  const { recovery, look } = await reading(t)
  const { alarmAt } = await look()
  t.ok(alarmAt <= recovery.nextAt, 'the next page')
  await eventually(async () => {
    await look()
    assert.ok(recovery.nextAt > performance.now() + choresMs)
  })
})

t.test('a retry of ours that is due sooner than all that is known shortens the wait', async t => {
  const { agenda, recovery, reader, look } = await reading(t)
  await eventually(async () => {
    await look()
    assert.ok(recovery.nextAt > performance.now() + choresMs)
  })
  const { alarmAt } = await look()
  t.ok(alarmAt > performance.now() && alarmAt <= performance.now() + choresMs)
  mockClock(t, performance.now() + choresMs / 2)
  await look()
  const soon = performance.now() + 200
  t.ok(agenda.noteDue(soon))
  t.notOk(agenda.noteDue(soon + 10))
  const looking = reader.look(false)
  t.ok(agenda.noteDue(soon), 'recorded while the database was asked')
  t.equal((await looking).alarmAt, soon)
})

t.test('due rows are read at each look, but a little later if all new ids are of rows due at once', async t => {
  const clock = mockClock(t, performance.now())
  const { stage, agenda, reader, look, known } = await reading(t)
  const planned = await stage.insert({ due_at: new Date(Date.now() + 3_600_000) })
  await look()
  const due = () => stage.query(`update outbox.callback set due_at = clock_timestamp() where id = $1`, [planned])
  await due()
  const fresh = await stage.insert()
  agenda.isNewWanted = true
  const { alarmAt, found } = await reader.look(false)
  t.equal(found, 1)
  t.same([...known()], [fresh])
  t.ok(alarmAt > clock.now && alarmAt <= clock.now + duePauseMs)
  clock.now = alarmAt
  t.match(await reader.look(false), { found: 1, fresh: 0 })
  t.ok(known().has(planned))
  const next = await stage.insert({ due_at: 'yesterday' })
  await stage.insert()
  agenda.isNewWanted = true
  t.match(await reader.look(false), { found: 2, fresh: 1 })
  t.ok(known().has(next), 'an id was of another row')
})

t.test(
  'where reads of due rows take long and find none, they have a tenth of the time, and no row is forgotten',
  async t => {
    const clock = mockClock(t, performance.now())
    const { stage, agenda, reader, look, known } = await reading(t)
    await look()
    agenda.isNewWanted = false
    const looking = reader.look(false)
    clock.now += 30
    await looking
    const due = await stage.insert({ due_at: 'yesterday' })
    clock.now += 100
    const { found, alarmAt } = await reader.look(false)
    t.equal(found, 0)
    t.equal(alarmAt, clock.now + 300 - 130)
    clock.now = alarmAt
    t.match(await reader.look(false), { found: 1 })
    t.ok(known().has(due))
  },
)

t.test('while new rows come, each look does one of its other duties, and none is forgotten', async t => {
  const clock = mockClock(t, performance.now())
  const { stage, agenda, reader, look } = await reading(t)
  await look()
  const names: string[] = []
  const rows = stage.session.rows.bind(stage.session)
  Object.assign(stage.session, {
    rows: (...[statement, values]: Parameters<typeof rows>) => {
      names.push(statement.name)
      return rows(statement, values)
    },
  })
  clock.now += 60_000
  const duties = ['due', 'expired', 'holds_digest', 'orphans', 'origins'].map(name => `ringback_${name}`)
  const done = new Set<string>()
  for (let looks = 0; looks < 12; looks += 1) {
    names.length = 0
    agenda.isNewWanted = true
    await reader.look(true)
    const now = names.flatMap(name => duties.find(duty => name.startsWith(duty)) ?? [])
    t.equal(names[0], 'ringback_fresh')
    t.ok(now.length <= 1, String(names))
    for (const duty of now) done.add(duty)
  }
  t.same([...done].sort(), [...duties].sort())
})

t.test('rows of which a notification tells during the read of new rows come first, for some milliseconds', async t => {
  const clock = mockClock(t, performance.now())
  const { stage, agenda, reader, look, known } = await reading(t)
  await look()
  const due = await stage.insert({ due_at: 'yesterday' })
  const lookHinted = async () => {
    agenda.isNewWanted = true
    const looking = reader.look(false)
    agenda.lookForNew()
    await looking
    return known().has(due)
  }
  t.notOk(await lookHinted())
  clock.now += newFirstMs
  t.ok(await lookHinted())
})

t.test('a row that expired long ago, and that a claim has met, is dead soon, though such looks are rare', async t => {
  const { stage, agenda, look } = await reading(t)
  const { session } = stage
  const rows = session.rows.bind(session)
  let isCancelled = false
  Object.assign(session, {
    rows: (...[statement, values]: Parameters<typeof rows>) => {
      const isAll = statement.name === 'ringback_expired' && values?.[1] === null
      if (!isAll || isCancelled) return rows(statement, values)
      isCancelled = true
      return Promise.reject(Object.assign(new pg.DatabaseError('canceling statement', 0, 'error'), { code: '57014' }))
    },
  })
  await look()
  t.ok(isCancelled)
  const id = await stage.insert({ expires_at: new Date(Date.now() - 60_000) })
  const isDead = () =>
    eventually(
      async () => {
        await look()
        assert.equal((await stage.row(id)).status, 'dead')
      },
      { deadlineMs: 3_000 },
    )
  await t.rejects(isDead())
  agenda.areAllExpiredWanted = true
  await isDead()
  t.notOk(agenda.areAllExpiredWanted)
})

t.test('each second rows that have expired are dead, and the next of their keys is known', async t => {
  const { stage, look, known } = await reading(t)
  await look()
  const first = await stage.insert({ ordering_key: 'k', due_at: new Date(Date.now() + 3_600_000) })
  const second = await stage.insert({ ordering_key: 'k', url: 'https://second.test/' })
  await look()
  await stage.query(`update outbox.callback set expires_at = clock_timestamp() where id = $1`, [first])
  await eventually(async () => {
    await look()
    assert.equal((await stage.row(first)).status, 'dead')
  })
  t.match(await stage.row(first), { last_error: 'expired' })
  await look()
  t.ok(known().has(second))
})

t.test('a row that PostgreSQL refuses to make dead rests; those that expire with it, and later, are dead', async t => {
  const { stage, look, lines } = await reading(t)
  const poison = await refuseOne(stage)
  const expire = () => stage.insert({ expires_at: new Date(), due_at: new Date(Date.now() + 3_600_000) })
  const others = [await expire(), await expire(), await expire()]
  const areDead = (...ids: readonly string[]) =>
    eventually(async () => {
      await look()
      for (const id of ids) assert.equal((await stage.row(id)).status, 'dead')
    })
  await areDead(...others)
  const refused = { id: poison, statement: 'expire', becomes: 'pending', err: { message: 'not this one' } }
  t.match(lines, [{ level: 'error', event: 'callback_refused', fields: refused }])
  await areDead(await expire())
  t.match(await stage.row(poison), { status: 'pending' })
  t.ok(lines.length <= 2, 'it is not tried again and again')
  await stage.query('drop trigger refuse_one on outbox.callback')
  await areDead(poison)
})

/** A callback that has expired, and that a user's trigger refuses to let die. */
async function refuseOne(stage: Stage): Promise<string> {
  const id = await stage.insert({ expires_at: 'yesterday', due_at: new Date(Date.now() + 3_600_000) })
  await stage.query(
    `create function refuse_one() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$`,
  )
  await stage.query(
    `create trigger refuse_one after update on outbox.callback for each row when (new.id = ${id} and new.status = 'dead') execute function refuse_one()`,
  )
  return id
}

t.test('after TRUNCATE RESTART IDENTITY new rows are read at once, without a sweep', async t => {
  const { stage, agenda, reader, look, known } = await reading(t)
  await look()
  await stage.query(`select setval('outbox.callback_id_seq', 1000)`)
  await flood(stage, 50, 'before')
  await look()
  await stage.query('truncate outbox.callback restart identity')
  const id = await stage.insert()
  for (let looks = 0; looks < 2; looks += 1) {
    agenda.isNewWanted = true
    await reader.look(true)
  }
  t.equal(id, '1')
  t.ok(known().has(id))
})

t.test('new rows are read while PostgreSQL cancels what finds changed holds, which are read later', async t => {
  const { stage, look, known, givenUp } = await reading(t)
  await look()
  await stage.session.run(`set lock_timeout = '20ms'`)
  const locking = await stage.database.connect()
  await locking.query(`begin; lock table outbox.hold in access exclusive mode`)
  await locking.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/a', 'test')`)
  const id = await stage.insert()
  await eventually(async () => {
    await look()
    assert.ok(known().has(id))
  })
  await locking.query('commit')
  await eventually(async () => {
    await look()
    assert.ok(givenUp.includes('https://held.test'))
  })
})

t.test('what was claimed ahead of an origin whose holds have changed is given up', async t => {
  const { stage, agenda, look, givenUp } = await reading(t)
  await look()
  givenUp.length = 0
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/a', 'test')`)
  agenda.areHoldsWanted = true
  await look()
  t.same(givenUp, ['https://held.test'])
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://', 'test')`)
  agenda.areHoldsWanted = true
  await look()
  t.same(givenUp.slice(1), ['https://held.test', 'https://other.test'])
})

t.test('a held origin is not read; what waited there comes when it is let go', async t => {
  const { stage, backlog, agenda, look, known } = await reading(t)
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test', 'test')`)
  await look()
  const ids = await flood(stage, 100, 'held')
  await look()
  t.equal(backlog.size, 0)
  t.equal(backlog.behind, 1)
  await stage.query('delete from outbox.hold')
  agenda.areHoldsWanted = true
  await look()
  t.ok(known().has(ids[0] ?? ''))
})

t.test('so does what waited for a hold of its whole scheme', async t => {
  const { stage, backlog, agenda, look, known } = await reading(t)
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://', 'test')`)
  await look()
  const ids = await flood(stage, 100, 'held')
  await look()
  t.equal(backlog.size, 0)
  await stage.query('delete from outbox.hold')
  agenda.areHoldsWanted = true
  await eventually(async () => {
    await look()
    assert.ok(known().has(ids[0] ?? ''))
  })
})

t.test('a row that a hint names has its key looked at', async t => {
  const { stage, backlog, look, known } = await reading(t)
  const first = await stage.insert({ ordering_key: 'k', url: 'https://first.test/' })
  const second = await stage.insert({ ordering_key: 'k', url: 'https://second.test/' })
  await look()
  t.same(
    backlog.take(9, 0).map(({ id }) => id),
    [first],
  )
  backlog.refused(first, { why: 'gone' }, 0)
  await look()
  t.same([...known()], [first], 'it was asked for, and is there after all')
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [first])
  backlog.hinted(first)
  await look()
  t.same([...known()], [second])
})

t.test('the owner of the next row of a key is told its id', async t => {
  const { stage, backlog, look } = await reading(t, {
    isMine: origin => origin === 'https://mine.test',
  })
  const heard: string[] = []
  const listener = await stage.database.connect()
  listener.on('notification', ({ payload }) => heard.push(payload ?? ''))
  await listener.query('listen outbox')
  const first = await stage.insert({ ordering_key: 'k', url: 'https://mine.test/' })
  const next = await stage.insert({ ordering_key: 'k', url: 'https://theirs.test/' })
  await look()
  t.same(
    backlog.take(9, 0).map(({ id }) => id),
    [first],
  )
  const shown = shownRow(next, { orderingKey: 'k', origin: 'https://theirs.test' })
  backlog.ended(first, 'settled', shown)
  await look()
  await eventually(() => assert.ok(heard.includes(next), heard.join()))
})

t.test('what a relay that is gone had claimed is put on record', async t => {
  const { stage, recorder, look } = await reading(t)
  const id = await stage.insert()
  await stage.force(id, `status = 'claimed', claimed_epoch = 77, claimed_at = now(), attempts = 1`)
  await look()
  t.ok(recorder.holds(id))
})

t.test('rows of other relays are left alone, claimed ones and those of their origins', async t => {
  const { stage, backlog, recorder, look } = await reading(t, {
    isMine: origin => origin === 'https://mine.test',
  })
  const other = await stage.register('2', 'relay-b')
  const claimed = await stage.insert({ url: 'https://mine.test/' })
  await stage.force(claimed, `status = 'claimed', claimed_epoch = ${other}, claimed_at = now(), attempts = 1`)
  await stage.insert({ url: 'https://theirs.test/' })
  await look()
  t.equal(backlog.size, 0)
  t.notOk(recorder.holds(claimed))
})

t.test('a claim of ours that nobody here knows of is told, to be given back', async t => {
  const { stage, epoch, backlog, look } = await reading(t)
  const id = await stage.insert()
  await stage.force(id, `status = 'claimed', claimed_epoch = ${epoch}, claimed_at = now(), attempts = 1`)
  await look()
  t.match(backlog.messages.takeReleases(), [{ id, rev: 1 }])
})
