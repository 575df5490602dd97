import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import type { OriginSign, WaitingCallback } from '../../src/model.ts'
import type { OriginSettings } from '../../src/sequencer/origin.ts'
import { Sequencer, type SequencerLimits } from '../../src/sequencer/sequencer.ts'
import { proven } from '../fixtures/proven.ts'
import { SequencerWorld, worldSteps } from '../fixtures/sequencer-world.ts'

const limits: SequencerLimits = { rows: 1_000, settingsOf: () => settings(16), horizonMs: 1_000, drainMs: 15_000 }

/** What may go there at once is not what most of these tests are about. */
const ORIGINS = ['http://a', 'http://b', 'http://busy', 'http://good', 'http://slow']

function settings(concurrency: number): OriginSettings {
  return { concurrency, deadlineMs: 15_000, ratePerSecond: null, breaker: { failures: 3, pauseMs: 1_000 } }
}

function row(id: number | string, fields: Partial<WaitingCallback> = {}): WaitingCallback {
  return { id: String(id), lane: 0, orderingKey: null, origin: 'http://a', dueInMs: 0, late: false, ...fields }
}

function ids(rows: readonly WaitingCallback[]): string[] {
  return rows.map(({ id }) => id)
}

t.test('whatever happens in whatever order, it does as a naive model does, and nothing is lost', async () => {
  fc.assert(
    fc.property(worldSteps, steps => {
      const world = new SequencerWorld()
      for (const step of steps) world.run(step)
      world.drain()
    }),
    { numRuns: 1_500 },
  )
})

t.test('rows of one key go one at a time, by id, and the next starts when the one before has settled', async t => {
  const sequencer = proven(limits, ORIGINS)
  sequencer.add(
    [9, 10, 11].map(id => row(id, { orderingKey: 'k' })),
    0,
  )
  for (const id of ['9', '10', '11']) {
    t.same(ids(sequencer.take(9, 0)), [id])
    t.same(sequencer.take(9, 0), [])
    sequencer.settled(id, 0)
  }
  t.equal(sequencer.size, 0)
})

t.test('a first that waits for its retry holds its key, and no other', async t => {
  const sequencer = proven(limits, ORIGINS)
  sequencer.add([row(1, { orderingKey: 'k' }), row(2, { orderingKey: 'k' }), row(3, { orderingKey: 'l' })], 0)
  sequencer.take(9, 0)
  sequencer.later('1', 500, 0)
  t.same(ids(sequencer.take(9, 499)), [])
  t.same([...sequencer.blockers()], ['1'])
  t.same(ids(sequencer.take(9, 500)), ['1'])
})

t.test(
  'an earlier row that comes while a later one is on its way waits for it, then goes before its retry',
  async t => {
    const sequencer = proven(limits, ORIGINS)
    sequencer.add([row(5, { orderingKey: 'k' })], 0)
    sequencer.take(1, 0)
    sequencer.add([row(3, { orderingKey: 'k' }), row(2, { orderingKey: 'k' }), row(4, { orderingKey: 'k' })], 0)
    t.same(sequencer.take(9, 0), [])
    sequencer.later('5', 10, 0)
    for (const id of ['2', '3', '4', '5']) {
      t.same(ids(sequencer.take(9, 20)), [id])
      sequencer.settled(id, 20)
    }
    t.equal(sequencer.size, 0)
  },
)

t.test('an earlier row that comes while a later one is ready or waits overtakes it', async t => {
  for (const dueInMs of [0, 100]) {
    const sequencer = proven(limits, ORIGINS)
    sequencer.add([row(5, { orderingKey: 'k', dueInMs })], 0)
    sequencer.add([row(3, { orderingKey: 'k' })], 0)
    t.same(ids(sequencer.take(9, 200)), ['3'])
    sequencer.settled('3', 200)
    t.same(ids(sequencer.take(9, 200)), ['5'])
  }
})

t.test('an origin has no more than its share running, and the others go on', async t => {
  const sequencer = proven({ ...limits, settingsOf: () => settings(2) }, ORIGINS)
  sequencer.add([1, 2, 3].map(id => row(id)).concat(row(4, { origin: 'http://b' })), 0)
  t.same(ids(sequencer.take(9, 0)), ['1', '4', '2'])
  t.same(sequencer.take(9, 0), [])
  sequencer.settled('4', 0)
  t.same(sequencer.take(9, 0), [])
  sequencer.settled('1', 0)
  t.same(ids(sequencer.take(9, 0)), ['3'])
})

t.test('origins take turns, however many rows each has', async t => {
  const sequencer = proven(limits, ORIGINS)
  const many = Array.from({ length: 100 }, (_, n) => row(n))
  sequencer.add([...many, row(200, { origin: 'http://b' }), row(300, { origin: 'http://c' })], 0)
  t.same(ids(sequencer.take(3, 0)), ['0', '200', '300'])
})

t.test('fresh rows go before late ones, but every fourth start of an origin is a late one', async t => {
  const sequencer = proven(limits, ORIGINS)
  const rows = Array.from({ length: 16 }, (_, n) => row(n, { late: n < 8 }))
  sequencer.add(rows, 0)
  t.same(
    sequencer
      .take(16, 0)
      .map(({ late }) => (late ? 'L' : 'f'))
      .join(''),
    'fffLfffLffLLLLLL',
  )
})

t.test('memory holds no more than its rows, and says how much room there is', async t => {
  const sequencer = proven({ ...limits, rows: 3 }, ORIGINS)
  t.equal(sequencer.room, 3)
  t.equal(
    sequencer.add(
      [1, 2, 3, 4].map(id => row(id)),
      0,
    ),
    3,
  )
  t.notOk(sequencer.knows('4'))
  t.equal(sequencer.room, 0)
  sequencer.settled('1', 0)
  t.equal(sequencer.add([row(4)], 0), 1)
})

t.test('a known row may become due earlier, not later', async t => {
  const sequencer = proven(limits, ORIGINS)
  const waiting = [row(1, { dueInMs: 500 }), row(2, { orderingKey: 'k' }), row(3, { orderingKey: 'k', dueInMs: 500 })]
  sequencer.add(waiting, 0)
  t.equal(sequencer.nextDueAt(), 500)
  sequencer.add([row(1, { dueInMs: 900 })], 0)
  t.equal(sequencer.nextDueAt(), 500)
  sequencer.add([row(1, { dueInMs: 200 }), row(3, { orderingKey: 'k', dueInMs: 0 })], 0)
  t.equal(sequencer.nextDueAt(), 200)
  t.same(ids(sequencer.take(9, 0)), ['2'])
  sequencer.settled('2', 0)
  t.same(ids(sequencer.take(9, 0)), ['3'], 'also one that was blocked when its due time was amended')
})

t.test('a row that left while the database was being read is not taken in again by that reading', async t => {
  const sequencer = proven(limits, ORIGINS)
  sequencer.add([row(1)], 0)
  const reading = sequencer.beginReading()
  sequencer.take(1, 0)
  sequencer.settled('1', 0)
  t.equal(sequencer.add([row(1), row(2)], 0, reading), 1)
  sequencer.endReading(reading)
  const next = sequencer.beginReading()
  t.equal(sequencer.add([row(1)], 0, next), 1, 'a later reading may: it is a replay')
})

t.test('a far retry is forgotten unless others wait behind it', async t => {
  const sequencer = proven(limits, ORIGINS)
  sequencer.add([row(1), row(2, { orderingKey: 'k' }), row(3, { orderingKey: 'k' })], 0)
  sequencer.take(9, 0)
  sequencer.later('1', 1_001, 0)
  sequencer.later('2', 1_001, 0)
  t.notOk(sequencer.knows('1'))
  t.ok(sequencer.knows('2'))
})

t.test('the last row of a key says so when others may be parked behind it: it was late, or some were', async t => {
  const sequencer = proven({ ...limits, rows: 10 }, ORIGINS)
  sequencer.add([row(1, { orderingKey: 'fresh' }), row(2, { orderingKey: 'late', late: true }), row(3)], 0)
  sequencer.take(9, 0)
  t.equal(sequencer.settled('1', 0), null)
  t.equal(sequencer.settled('2', 0), 'late')
  t.equal(sequencer.settled('3', 0), null)
  sequencer.add(
    Array.from({ length: 10 }, (_, n) => row(10 + n, { orderingKey: 'k', origin: 'http://new' })),
    0,
  )
  sequencer.take(9, 0)
  t.equal(sequencer.overflow(5_000).length, 5)
  for (const id of [10, 11, 12, 13]) {
    t.equal(sequencer.settled(String(id), 10_000), null)
    sequencer.take(9, 10_000)
  }
  t.equal(sequencer.settled('14', 10_000), 'k')
})

t.test('forgetting spares what is running, and may be confined to lanes', async t => {
  const sequencer = proven(limits, ORIGINS)
  sequencer.add([row(1), row(2, { lane: 7 }), row(3, { lane: 7 }), row(4)], 0)
  sequencer.take(2, 0)
  sequencer.forget(0, new Set([7]))
  t.same(
    [1, 2, 3, 4].map(id => sequencer.knows(String(id))),
    [true, true, false, true],
  )
  sequencer.forget(0)
  t.same(
    [1, 2, 3, 4].map(id => sequencer.knows(String(id))),
    [true, true, false, false],
  )
  t.equal(sequencer.underWayIn(new Set([7])), 1)
  t.same(sequencer.take(9, 0), [], 'nor is anything ready that is not there any more')
})

t.test(
  'memory that is more than half full parks rows of slow origins alone, blocked ones first, then the newest',
  async t => {
    const sequencer = proven({ ...limits, rows: 20, settingsOf: () => settings(1) }, ORIGINS)
    const dead = (id: number) => row(id, { origin: 'http://dead', orderingKey: id % 2 ? 'k' : null })
    sequencer.add(
      Array.from({ length: 11 }, (_, n) => dead(n)),
      0,
    )
    t.same(sequencer.overflow(9_000), [], 'not while there is room')
    sequencer.add([dead(11)], 0)
    sequencer.add(
      Array.from({ length: 5 }, (_, n) => row(100 + n, { origin: 'http://good' })),
      0,
    )
    sequencer.add([row(105, { origin: 'http://good' })], 0)
    for (let n = 0; n < 9; n++) {
      for (const { id, origin } of sequencer.take(9, 0)) if (origin === 'http://good') sequencer.settled(id, 0)
      sequencer.add([row(200 + n, { origin: 'http://good' })], 0)
    }
    t.same(sequencer.overflow(3_999), [], 'not before an origin has shown how slow it is')
    const parked = ids(sequencer.overflow(5_000))
    t.same(parked, ['11', '9', '7', '5', '3', '10', '8', '6'])
    t.equal(sequencer.size, 10)
  },
)

t.test('what comes back from where it was set aside starts slowly, unless something goes there anyway', async t => {
  const sequencer = proven(limits, ORIGINS)
  sequencer.add([row(1, { origin: 'http://busy' })], 0)
  for (const origin of ['http://held', 'http://busy']) sequencer.comesBack(origin, 0)
  sequencer.add(
    [11, 12, 13, 14].map(id => row(id, { origin: 'http://held', late: true })),
    0,
  )
  sequencer.add(
    [2, 3, 4].map(id => row(id, { origin: 'http://busy', late: true })),
    0,
  )
  t.same(ids(sequencer.take(9, 0)).sort(), ['1', '11', '2', '3', '4'])
  const well: OriginSign = { receiver: 'alive', restMs: 0, startedAtMs: 0, finishedAtMs: 1 }
  sequencer.ended('11', well)
  t.same(ids(sequencer.take(9, 1)), ['12', '13'])
})

t.test('memory that is nearly full forgets what waits for a far retry and has nobody behind it', async t => {
  const sequencer = proven({ ...limits, rows: 3 }, ORIGINS)
  sequencer.add([row(1), row(2, { orderingKey: 'k' }), row(3, { orderingKey: 'k' })], 0)
  sequencer.take(9, 0)
  sequencer.later('2', 5_000, 0)
  sequencer.settled('3', 0)
  sequencer.add([row(4, { dueInMs: 100 })], 0)
  t.same(sequencer.overflow(0), [])
  t.same(
    ['1', '2', '4'].map(id => sequencer.knows(id)),
    [true, false, true],
  )
})

t.test('what waits for a far retry is kept while others wait behind it, full or not', async t => {
  const sequencer = proven({ ...limits, rows: 2 }, ORIGINS)
  sequencer.add([row(2, { orderingKey: 'k' }), row(3, { orderingKey: 'k' })], 0)
  sequencer.take(9, 0)
  sequencer.later('2', 5_000, 0)
  t.same(sequencer.overflow(0), [])
  t.same([...sequencer.blockers()], ['2'])
})

t.test('a key with 100,000 rows costs no more each than a key with one, in whichever order they come', async t => {
  const rows = Array.from({ length: 100_000 }, (_, n) => row(n, { orderingKey: 'k' }))
  const middle = [...rows.slice(0, 30_000), ...rows.slice(60_000), ...rows.slice(30_000, 60_000)]
  for (const order of [rows, [...rows].reverse(), middle]) {
    const sequencer = proven({ ...limits, rows: 100_000 }, ORIGINS)
    sequencer.add(order, 0)
    for (let n = 0; n < 100_000; n++) sequencer.settled(ids(sequencer.take(1, 0))[0] ?? 'none was ready', 0)
    t.equal(sequencer.size, 0)
  }
})

t.test('what has left leaves nothing behind, though its origin hangs and its time is far', async t => {
  const sequencer = proven({ ...limits, rows: 2_000, settingsOf: () => settings(1) }, ORIGINS)
  sequencer.add([row(0)], 0)
  sequencer.take(1, 0)
  const seen: WeakRef<WaitingCallback>[] = []
  for (let round = 0; round < 10; round++) {
    for (let n = 1; n < 1_000; n++) {
      const ready = row(n)
      const waiting = row(1_000 + n, { dueInMs: 9_999_999 })
      seen.push(new WeakRef(ready), new WeakRef(waiting))
      sequencer.add([ready, waiting], 0)
    }
    sequencer.forget(0)
  }
  await turn()
  heapUsed()
  const held = seen.filter(ref => ref.deref() !== undefined).length
  t.ok(held < 2_000, `${held} of ${seen.length} are held`)
  t.equal(sequencer.size, 1)
})

t.test('origins and keys that have no rows any more cost nothing', async t => {
  const sequencer = proven(limits, ORIGINS)
  const before = heapUsed()
  for (let n = 0; n < 100_000; n++) {
    sequencer.add([row(n, { origin: `http://host-${n}`, orderingKey: `key ${n}` })], 0)
    sequencer.take(1, 0)
    sequencer.settled(String(n), 0)
  }
  const grownBy = heapUsed() - before
  t.equal(sequencer.size, 0)
  t.ok(grownBy < 10_000_000, `100,000 of each left ${grownBy} bytes behind`)
})

t.test('when a POST has ended its origin may start another; its key waits for the record', async t => {
  const sequencer = proven({ ...limits, settingsOf: () => settings(1) }, ORIGINS)
  sequencer.add([row(1, { orderingKey: 'k' }), row(2, { orderingKey: 'k' }), row(3)], 0)
  t.same(ids(sequencer.take(9, 0)), ['1'])
  sequencer.ended('1', sign('alive', 0))
  t.ok(sequencer.isUnderWay('1'))
  t.same(ids(sequencer.take(9, 0)), ['3'])
  sequencer.ended('3', sign('alive', 0))
  sequencer.ended('3', sign('alive', 0))
  t.same(sequencer.take(9, 0), [])
  sequencer.settled('1', 0)
  t.same(ids(sequencer.take(9, 0)), ['2'])
})

function sign(receiver: OriginSign['receiver'], at: number, restMs = 0): OriginSign {
  return { receiver, restMs, startedAtMs: at, finishedAtMs: at }
}

t.test('an origin that fails again and again rests, is probed by one, and then given more and more', async t => {
  const sequencer = proven(limits, ORIGINS)
  sequencer.add(
    Array.from({ length: 200 }, (_, n) => row(100 + n)),
    0,
  )
  sequencer.add([row(1, { origin: 'http://b' })], 0)
  const fail = (id: string, at: number) => sequencer.ended(id, sign('failing', at))
  const first = ids(sequencer.take(99, 0))
  t.equal(first.length, 17, 'sixteen of it, and the other one')
  for (const id of first) if (id !== '1') fail(id, 10)
  t.same(sequencer.take(99, 1_009), [], 'three would have been enough: it rests')
  t.equal(sequencer.nextDueAt(), 1_010)
  const [probe, ...others] = ids(sequencer.take(99, 1_010))
  t.same(others, [])
  fail(probe ?? '', 1_020)
  t.same(sequencer.take(99, 2_019), [], 'the probe failed too')
  const [again] = ids(sequencer.take(99, 2_020))
  sequencer.ended(again ?? '', sign('alive', 2_020))
  for (const expected of [2, 4, 8, 16, 16]) {
    const started = ids(sequencer.take(99, 2_030))
    t.equal(started.length, expected)
    for (const id of started) sequencer.ended(id, sign('alive', 2_030))
  }
})

t.test(
  'an origin that nothing is known of gets one at first, and what it has shown it can take outlives its rows',
  async t => {
    const sequencer = new Sequencer(limits)
    const rows = (from: number) => Array.from({ length: 20 }, (_, n) => row(from + n))
    sequencer.add(rows(100), 0)
    for (const expected of [1, 2, 4, 8, 5]) {
      const started = ids(sequencer.take(99, 0))
      t.equal(started.length, expected)
      for (const id of started) {
        sequencer.ended(id, sign('alive', 0))
        sequencer.settled(id, 0)
      }
    }
    t.equal(sequencer.size, 0)
    sequencer.add(rows(200), 60_000)
    t.equal(sequencer.take(99, 60_000).length, 16)
  },
)

t.test('trouble outlives the last row of an origin', async t => {
  const sequencer = proven(limits, ORIGINS)
  sequencer.add([row(1)], 0)
  sequencer.take(1, 0)
  sequencer.ended('1', sign('overloaded', 0, 500))
  sequencer.settled('1', 0)
  sequencer.add([row(2)], 100)
  t.same(sequencer.take(1, 499), [])
  t.equal(sequencer.nextDueAt(), 500)
  t.same(ids(sequencer.take(1, 500)), ['2'])
})

t.test('a rate holds for its origin alone', async t => {
  const ratePerSecond = 10
  const slowly = (origin: string) => ({ ...settings(16), ratePerSecond: origin === 'http://a' ? ratePerSecond : null })
  const sequencer = proven({ ...limits, settingsOf: slowly }, ['http://b'])
  sequencer.add([1, 2, 3].map(id => row(id)).concat([4, 5, 6].map(id => row(id, { origin: 'http://b' }))), 0)
  t.same(ids(sequencer.take(9, 0)), ['1', '4', '5', '6'])
  sequencer.ended('1', sign('alive', 0))
  t.same(sequencer.take(9, 99), [])
  t.same(ids(sequencer.take(9, 100)), ['2'])
  t.same(sequencer.take(9, 199), [])
  t.equal(sequencer.nextDueAt(), 200)
  t.same(ids(sequencer.take(9, 200)), ['3'])
})

t.test('other settings hold for origins that have rows already: more at once, fewer, a rate, none', async t => {
  let current = { ...settings(2), ratePerSecond: null as number | null }
  const sequencer = proven({ ...limits, settingsOf: () => current }, ORIGINS)
  const reconfigure = (concurrency: number, ratePerSecond: number | null) => {
    current = { ...settings(concurrency), ratePerSecond }
    sequencer.reconfigure()
  }
  sequencer.add(
    Array.from({ length: 12 }, (_, n) => row(n + 1)),
    0,
  )
  const running: string[] = []
  const take = (now: number) => {
    const taken = sequencer.take(100, now).map(({ id }) => id)
    running.push(...taken)
    return taken.length
  }
  const end = (count: number, now: number) => {
    for (const id of running.splice(0, count)) sequencer.settled(id, now)
  }
  t.equal(take(0), 2)
  t.equal(take(0), 0)
  reconfigure(4, null)
  t.equal(take(0), 2, 'two more slots')
  reconfigure(2, null)
  end(2, 0)
  t.equal(take(0), 0, 'two are still running')
  end(1, 0)
  t.equal(take(0), 1)
  end(2, 0)
  reconfigure(2, 1)
  t.equal(take(0), 1, 'one a second')
  reconfigure(4, 1)
  t.equal(take(500), 0, 'the same rate goes on counting')
  t.equal(take(1_000), 1)
  t.equal(sequencer.nextDueAt(), 2_000)
  reconfigure(4, null)
  t.equal(take(1_000), 2, 'nobody waits for a rate that is gone')
})

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
