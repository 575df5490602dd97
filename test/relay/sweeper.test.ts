import pg from 'pg'
import t, { type Test } from 'tap'
import { Backlog } from '../../src/backlog/backlog.ts'
import type { Session } from '../../src/outbox/session.ts'
import { sweptOrigins } from '../../src/policy/tuning.ts'
import { Sweeper } from '../../src/relay/sweeper.ts'
import { mockClock } from '../fixtures/mock-clock.ts'

/** A sweeper over so many origins, and a clock that a test moves. In each step the server works for `stepMs`. */
function staged(t: Test, origins: number, { memoryRows = 100, room = 0 } = {}) {
  const clock = mockClock(t, 1_000)
  const state = { steps: 0, stepMs: 0, wayMs: 0, mostInTime: sweptOrigins }
  const limits: number[] = []
  const skipped: (readonly string[])[] = []
  const rows = async (_: unknown, [after, limit, known]: [string, number, readonly string[]]) => {
    limits.push(limit)
    skipped.push(known)
    if (limit > state.mostInTime) throw Object.assign(new pg.DatabaseError('', 1, 'error'), { code: '57014' })
    clock.now += state.stepMs + state.wayMs
    state.steps += 1
    const from = Math.max(0, Number(after))
    const found = Array.from({ length: Math.min(limit, origins - from) }, (_, n) => from + n + 1)
    const workMs = state.stepMs
    if (found.length === 0) return [{ hash: null, origin: null, workMs }]
    return found.map(n => ({ hash: String(n), origin: `http://${n}`, workMs }))
  }
  const backlog = new Backlog({ memoryRows, room: () => room, slots: () => 0, isMine: () => true })
  const sweeper = new Sweeper({ session: { rows } as unknown as Session, backlog })
  const sweep = async () => {
    while (await sweeper.work());
  }
  return { clock, state, limits, skipped, backlog, sweeper, sweep }
}

t.test('a wanted sweep goes through all origins without a pause, and each is read anew', async t => {
  const { clock, state, backlog, sweeper, sweep } = staged(t, 450)
  state.stepMs = 10
  await sweep()
  t.equal(state.steps, 3)
  t.equal(clock.now, 1_030)
  t.equal(backlog.behind, 450)
  t.equal(sweeper.endedAt, 1_030)
  t.notOk(backlog.wantsSweep)
})

t.test('origins that are behind when it begins are rewound at once, and it does not look for them', async t => {
  const { clock, skipped, backlog, sweeper, sweep } = staged(t, 2, { room: 2 })
  const known = 'http://known'
  /** Answers all pulls. Returns those of the fresh range of that origin. */
  const pull = (isShort: boolean) => {
    const read = backlog.beginRead({ pulls: 9 })
    for (const each of read.pulls)
      backlog.pulled(each, [], { dueUs: each.range === 'fresh' ? null : 1, id: '500' }, isShort, read)
    backlog.endRead()
    return read.pulls.filter(({ origin, range }) => origin === known && range === 'fresh')
  }
  backlog.rewind(known)
  t.match(pull(false), [{ after: { id: '0' } }])
  await sweep()
  t.same(skipped, [[known]])
  t.match(pull(true), [{ after: { id: '500' } }])
  t.match(pull(true), [{ after: { id: '0' }, upTo: { id: '500' } }])
  t.same(pull(true), [])
  clock.now = sweeper.nextAt
  await sweep()
  t.same(skipped[1], [])
})

t.test('a few of them, and none that is held or in trouble', async t => {
  for (const [room, count] of [
    [2, 64],
    [1, 0],
  ] as const) {
    const { skipped, backlog, sweep } = staged(t, 0, { room })
    for (let n = 0; n < 100; n += 1) backlog.rewind(`http://known${n}`)
    await sweep()
    t.equal(skipped[0]?.length, count)
  }
})

t.test('pulls that find nothing count as its work, up to a pause of ten seconds', async t => {
  const { clock, sweeper, sweep } = staged(t, 450)
  sweeper.foundNothing(1_000)
  await sweep()
  t.equal(sweeper.nextAt - clock.now, 1_000)
  for (const [workMs, pauseMs] of [
    [10, 1_000],
    [30, 2_000],
    [120, 8_000],
    [9_000, 10_000],
  ] as const) {
    sweeper.foundNothing(workMs)
    t.equal(sweeper.nextAt - clock.now, pauseMs)
  }
  clock.now = sweeper.nextAt
  await sweep()
  t.equal(sweeper.nextAt - clock.now, 1_000)
})

t.test('the next one takes a fiftieth of the time at most, and begins by itself', async t => {
  const { clock, state, sweeper, sweep } = staged(t, 450)
  await sweep()
  t.equal(sweeper.nextAt, 2_000)
  clock.now = 1_999
  t.notOk(await sweeper.work())
  clock.now = 2_000
  state.steps = 0
  state.stepMs = 10
  for (let n = 1; n <= 3; n += 1) {
    await sweeper.work()
    t.equal(state.steps, n)
    await sweeper.work()
    t.equal(state.steps, n, 'not before its time')
    t.equal(sweeper.nextAt - clock.now, n < 3 ? 500 : 1_500)
    clock.now = sweeper.nextAt
  }
})

t.test('where the server stood still during a sweep, the next begins within a minute', async t => {
  const { clock, state, sweeper, sweep } = staged(t, 1)
  state.stepMs = 3_600_000
  await sweep()
  t.equal(sweeper.nextAt - clock.now, 60_000)
})

t.test('the way to a distant server makes no pause longer', async t => {
  const { clock, state, sweeper, sweep } = staged(t, 450)
  await sweep()
  Object.assign(state, { stepMs: 1, wayMs: 5_000 })
  for (let n = 1; n <= 3; n += 1) {
    clock.now = sweeper.nextAt
    await sweeper.work()
    t.equal(sweeper.nextAt - clock.now, n < 3 ? 50 : 1_000)
  }
})

t.test('one that is wanted does not wait for a slow one to end, and goes through all', async t => {
  const { clock, state, backlog, sweeper, sweep } = staged(t, 450)
  await sweep()
  clock.now = 10_000
  state.stepMs = 100
  await sweeper.work()
  t.equal(sweeper.nextAt, 15_100)
  backlog.wantSweep()
  t.ok(sweeper.nextAt <= clock.now)
  state.steps = 0
  state.stepMs = 0
  await sweep()
  t.equal(state.steps, 3)
  t.equal(sweeper.endedAt, clock.now)
})

t.test('what wants a sweep while one is wanted has another one follow, a second after that began', async t => {
  const { clock, state, backlog, sweeper, sweep } = staged(t, 450)
  await sweeper.work()
  backlog.wantSweep()
  await sweep()
  t.equal(state.steps, 3)
  t.equal(sweeper.nextAt, 2_000)
  clock.now = 1_999
  await sweep()
  t.equal(state.steps, 3)
  clock.now = 2_000
  await sweep()
  t.equal(state.steps, 6)
  t.notOk(backlog.wantsSweep)
})

t.test('while too many origins are behind the sweep waits for their pulls, and looks now and then', async t => {
  const { clock, state, backlog, sweeper, sweep } = staged(t, 10_500)
  await sweep()
  t.equal(state.steps, 51)
  t.equal(backlog.behind, 10_200)
  t.equal(sweeper.nextAt, clock.now + 100)
  t.equal(sweeper.endedAt, null)
  clock.now = sweeper.nextAt
  await sweep()
  t.equal(state.steps, 51)
  backlog.setView(() => false)
  backlog.setView(() => true)
  clock.now = sweeper.nextAt
  await sweep()
  t.equal(state.steps, 53)
  t.equal(sweeper.endedAt, clock.now)
  t.ok(backlog.wantsSweep, 'the division has changed meanwhile')
})

t.test('a step that takes too long is made with fewer origins, and leaves none out', async t => {
  const { state, limits, backlog, sweeper, sweep } = staged(t, 450)
  state.mostInTime = 30
  await t.rejects(sweeper.work(), { code: '57014' })
  t.equal(backlog.behind, 0)
  await sweeper.work()
  await t.rejects(sweeper.work(), { code: '57014' })
  t.same(limits, [200, 25, 50])
  state.mostInTime = sweptOrigins
  await sweep()
  t.equal(backlog.behind, 450)
})
