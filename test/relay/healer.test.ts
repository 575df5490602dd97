import t, { type Test } from 'tap'
import { Backlog } from '../../src/backlog/backlog.ts'
import { type OriginSettings, Scopes } from '../../src/backlog/scopes.ts'
import type { OriginSign } from '../../src/model.ts'
import type { Session } from '../../src/outbox/session.ts'
import { forwardRows, probesOfRow } from '../../src/policy/tuning.ts'
import { Healer } from '../../src/relay/healer.ts'
import { Refusals } from '../../src/relay/refusals.ts'
import { hashtext } from '../fixtures/hashtext.ts'
import { mockClock } from '../fixtures/mock-clock.ts'
import { recordingLog } from '../fixtures/recording-log.ts'
import { Stage } from '../fixtures/stage.ts'

const origin = 'https://receiver.test'
const settings: OriginSettings = {
  concurrency: 4,
  growsTo: 4,
  ratePerSecond: null,
  deadlineMs: 1_000,
  breaker: { failures: 2, pauseMs: 60_000 },
}

/** A relay's healer, with a clock for what its attempts say and none of its own. */
async function healing(t: Test, pauseMs = settings.breaker.pauseMs) {
  const stage = await Stage.withSession(t)
  const epoch = await stage.register()
  const settingsOf = () => ({ ...settings, breaker: { failures: 2, pauseMs } })
  const scopes = new Scopes({ settingsOf, concurrency: 100, slowConcurrency: 100 })
  const backlog = new Backlog({ memoryRows: 100, room: () => 10, slots: () => 10, isMine: () => true })
  const clock = { now: performance.now() }
  const { log, lines } = recordingLog()
  let rings = 0
  const healer = new Healer({
    backlog,
    scopes,
    unforwarded: new Refusals(log, 'callback_refused'),
    epoch: () => epoch,
    isMine: () => true,
    isHeld: () => false,
    settingsOf: () => ({ ...settingsOf(), maxAttempts: 10 }),
    retryCapMs: 3_600_000,
    freed: () => {
      rings += 1
    },
  })
  /** An attempt there ends so, `agoMs` ago. @param path undefined: the connection says so. */
  const report = (receiver: OriginSign['receiver'], agoMs: number, path?: string) => {
    const at = clock.now - agoMs
    const sign = { receiver, isOfConnection: path === undefined, restMs: 0, startedAtMs: at, finishedAtMs: at }
    scopes.started({ id: 'sent', origin, urlHash: path === undefined ? 0 : hashtext(origin + path) }, at)
    scopes.ended('sent', sign, at)
  }
  /** So many rows failed so long ago, and wait for an hour. */
  const failed = async (agoS: number, count = 1) => {
    const rows = await stage.query<{ id: string }>(
      `insert into outbox.callback (url, due_at) select $1 || '/' || n, now() + interval '50 min' from generate_series(1, $2::integer) n returning id`,
      [origin, count],
    )
    await stage.query(
      `update outbox.callback set attempts = 3, claimed_epoch = 1, claimed_at = now() - $2 * interval '1 s', rev = rev + 1 where id = any ($1::bigint[])`,
      [rows.map(({ id }) => id), agoS],
    )
    return rows.map(({ id }) => id)
  }
  const due = async () => {
    const rows = await stage.query<{ id: string }>(
      'select id from outbox.callback where due_at <= clock_timestamp() order by due_at, id',
    )
    return rows.map(({ id }) => id)
  }
  /** Until it has nothing more to do. */
  const work = async () => {
    await healer.resume(stage.session, clock.now)
    await healer.probe(stage.session, clock.now)
    await healer.work(stage.session, clock.now)
    while (healer.nextAt < Number.POSITIVE_INFINITY) {
      clock.now += 1_000
      await healer.work(stage.session, clock.now)
    }
  }
  return { clock, lines, stage, scopes, backlog, healer, report, failed, due, work, rings: () => rings }
}

t.test('when the breaker closes, what failed during the outage is due, once, and in order', async t => {
  const { stage, report, failed, due, work } = await healing(t, 1_000)
  await failed(120)
  const meanwhile = await failed(30, 3)
  for (const agoMs of [40_000, 39_000]) report('failing', agoMs)
  await work()
  t.ok((await due()).length <= 1, 'one of them may be the probe')
  await stage.query(`update outbox.callback set due_at = now() + interval '50 min', rev = rev + 1`)
  report('alive', 5_000)
  const later = await failed(1)
  await work()
  t.same(await due(), meanwhile)
  t.notOk((await due()).includes(later[0] ?? ''), 'what failed after it does not count')
  await stage.query(`update outbox.callback set due_at = now() + interval '50 min', rev = rev + 1`)
  report('alive', 100)
  await work()
  t.same(await due(), [], 'once an outage')
})

t.test('failures among successes bring nothing forward', async t => {
  const { report, failed, due, work } = await healing(t)
  await failed(5, 3)
  for (const agoMs of [5_000, 3_000, 1_000]) {
    report('failing', agoMs)
    report('alive', agoMs - 500)
  }
  await work()
  t.same(await due(), [])
})

t.test('many rows come a batch at a time, and all of them', async t => {
  const { clock, stage, healer, report, failed, due, work } = await healing(t, 1_000)
  const ids = await failed(30, 2 * forwardRows + 10)
  for (const agoMs of [40_000, 39_000]) report('failing', agoMs)
  report('alive', 5_000)
  await healer.work(stage.session, clock.now)
  t.equal((await due()).length, forwardRows)
  await work()
  t.equal((await due()).length, ids.length)
})

/** A user's trigger that refuses every change of these rows. */
async function refuse(stage: Stage, ids: readonly string[]): Promise<void> {
  await stage.query(
    `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$`,
  )
  await stage.query(
    `create trigger refuse after update on outbox.callback for each row when (new.id in (${ids.join()})) execute function refuse()`,
  )
}

t.test('rows that PostgreSQL refuses to make due are passed, and all others come', async t => {
  const { stage, lines, report, failed, due, work } = await healing(t, 1_000)
  const ids = await failed(30, 2 * forwardRows + 10)
  const refused = [0, 1, 250, forwardRows, ids.length - 1].flatMap(n => ids[n] ?? [])
  await refuse(stage, refused)
  for (const agoMs of [40_000, 39_000]) report('failing', agoMs)
  report('alive', 5_000)
  await work()
  t.same(new Set(await due()), new Set(ids.filter(id => !refused.includes(id))))
  const fields = { statement: 'bring forward', becomes: 'pending', err: { message: 'not this one' } }
  t.match(
    lines,
    refused.map(id => ({ event: 'callback_refused', fields: { id, ...fields } })),
  )
})

t.test('a statement that is refused without any row too is thrown, and goes on later', async t => {
  const { clock, stage, lines, healer, report, failed, due, work } = await healing(t, 1_000)
  const ids = await failed(30, 3)
  for (const agoMs of [40_000, 39_000]) report('failing', agoMs)
  report('alive', 5_000)
  await stage.query('revoke update on outbox.callback from outbox_relay')
  await t.rejects(healer.work(stage.session, clock.now), { code: '42501' })
  t.same(lines, [])
  await stage.query('grant update on outbox.callback to outbox_relay')
  await work()
  t.same(await due(), ids)
})

t.test('if PostgreSQL refuses to make a row due as the probe, the next time it is another', async t => {
  const { clock, stage, lines, healer, report, failed, due } = await healing(t)
  const [refused = '', other = ''] = await failed(30, 2)
  await refuse(stage, [refused])
  report('failing', 40_000)
  const probes: string[][] = []
  for (let round = 0; round < 2; round += 1) {
    report('failing', 0)
    clock.now += 61_000
    await healer.probe(stage.session, clock.now)
    probes.push(await due())
  }
  t.match(lines, [{ event: 'callback_refused', fields: { id: refused } }])
  t.same(probes, [[], [other]])
})

t.test('the way to a distant server makes no pause between batches longer', async t => {
  const { clock, stage, healer, report, failed } = await healing(t, 1_000)
  await failed(30, forwardRows)
  for (const agoMs of [40_000, 39_000]) report('failing', agoMs)
  report('alive', 5_000)
  const [time, wayMs] = [mockClock(t, clock.now), 3_600_000]
  const rows: Session['rows'] = (...asked) => {
    time.now += wayMs
    return stage.session.rows(...asked)
  }
  await healer.work({ rows } as Session, clock.now)
  t.ok(healer.nextAt > time.now)
  t.ok(healer.nextAt < time.now + wayMs)
})

t.test(
  'where all rows wait in back-off one is due when a probe may go, three times an outage; then it is another',
  async t => {
    const { clock, stage, report, failed, due, work } = await healing(t)
    const ids = await failed(30, 2)
    const probes: string[] = []
    report('failing', 40_000)
    for (let round = 0; round < 2 * probesOfRow + 1; round += 1) {
      report('failing', 0)
      await work()
      clock.now += 61_000
      await work()
      probes.push(...(await due()))
      await stage.query(`update outbox.callback set due_at = now() + (50 + id) * interval '1 s', rev = rev + 1`)
    }
    const [first = '', second = ''] = ids
    t.same(probes, [first, first, first, second, second, second])
  },
)

t.test('while all that waits in the table waits behind rows in back-off, one of those is the probe', async t => {
  const { backlog, report, failed, due, work } = await healing(t, 1_000)
  await failed(30, 3)
  for (const agoMs of [40_000, 39_000]) report('failing', agoMs)
  backlog.rewind(origin)
  await work()
  t.equal((await due()).length, 1)
})

t.test('an operator who retries a row ends the rest of its origin', async t => {
  const { clock, stage, scopes, healer, report, work, rings } = await healing(t)
  for (const agoMs of [4_000, 3_000]) report('failing', agoMs)
  t.equal(scopes.slots(origin, clock.now), 0)
  const waiting = await stage.insert({ url: `${origin}/`, due_at: new Date(Date.now() + 60_000) })
  healer.retry(waiting)
  await work()
  t.equal(scopes.slots(origin, clock.now), 0, 'it is not due')
  const id = await stage.insert({ url: `${origin}/` })
  healer.retry(id)
  healer.retry('1000000')
  await work()
  t.equal(scopes.slots(origin, clock.now), 1, 'one probe')
  t.equal(rings(), 1)
})

t.test('when one URL is well again, what failed of it is due, and nothing of the others', async t => {
  const { report, failed, due, work } = await healing(t, 1_000)
  const [ofIt = ''] = await failed(30, 2)
  report('alive', 41_000, '/2')
  for (const agoMs of [40_000, 39_000]) report('failing', agoMs, '/1')
  report('alive', 5_000, '/1')
  await work()
  t.same(await due(), [ofIt])
})

t.test('an operator who retries a row ends the rest of its URL', async t => {
  const { clock, stage, scopes, healer, report, work, rings } = await healing(t)
  const slots = () => scopes.slots(origin, clock.now, hashtext(`${origin}/1`))
  report('alive', 5_000, '/2')
  for (const agoMs of [4_000, 3_000]) report('failing', agoMs, '/1')
  t.equal(slots(), 0)
  t.notOk(scopes.isBroken(origin), 'the others go on')
  healer.retry(await stage.insert({ url: `${origin}/2` }))
  await work()
  t.equal(slots(), 0, 'it is another URL')
  healer.retry(await stage.insert({ url: `${origin}/1?again` }))
  await work()
  t.equal(slots(), 1, 'one probe')
  t.equal(rings(), 1)
})

t.test('an outage goes on at a relay that gets the origin: one row is the probe, and the others follow it', async t => {
  const { clock, scopes, healer, report, failed, due, work } = await healing(t)
  const ids = await failed(60, 3)
  await work()
  t.same(await due(), [], 'it knows of none')
  healer.gained()
  await work()
  t.equal((await due()).length, 1)
  t.same(scopes.broken, [origin])
  clock.now += 1_000
  report('alive', 0)
  await work()
  t.same((await due()).sort(), ids.sort())
})

t.test('of an outage that goes on is what failed since the last delivery; too few failures are none', async t => {
  const { stage, scopes, healer, report, failed, due, work } = await healing(t)
  const [id = ''] = await failed(60, 1)
  await stage.force(id, 'attempts = 1')
  healer.gained()
  await work()
  t.same(scopes.broken, [], 'fewer than open a breaker')
  await failed(50, 3)
  const ofOther = await stage.insert({ url: `${origin}/other` })
  await stage.force(ofOther, `status = 'delivered', attempts = 1, settled_at = now() - interval '40 s'`)
  await failed(30, 1)
  healer.gained()
  await work()
  t.same(scopes.broken, [origin])
  report('alive', 0)
  await work()
  t.equal((await due()).length, 1, 'what failed since')
})

t.test('a receiver that has answered well since this relay has it is in no outage', async t => {
  const { scopes, healer, report, failed, due, work } = await healing(t)
  await failed(60, 3)
  report('alive', 1_000)
  healer.gained()
  await work()
  t.same(
    scopes.broken.filter(name => name === origin),
    [],
  )
  t.same(await due(), [])
})
