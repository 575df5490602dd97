import fc from 'fast-check'
import t from 'tap'
import { longestAheadMs } from '../../src/policy/tuning.ts'
import { Ahead } from '../../src/relay/ahead.ts'
import { claimOf } from '../delivery/stage.ts'

const a = 'http://a'
const b = 'http://b'

/** What is ahead of origins whose slots the test opens, and a clock. */
function staged() {
  const state = {
    now: 0,
    /** Slots that are free: of each origin, and of the relay. */
    slots: new Map<string, number>(),
    free: 100,
    isPaused: false,
    epoch: '7',
    begun: [] as string[],
    left: [] as string[],
    wakes: 0,
  }
  const ahead = new Ahead({
    scopes: {
      get isFull() {
        return state.free <= 0
      },
      ahead: ({ origin }) => ((state.slots.get(origin) ?? 0) > 0 ? 'begins' : 'waits'),
    },
    isPaused: () => state.isPaused,
    mayStart: ({ epoch }) => epoch === state.epoch,
    begin: ({ id, origin }) => {
      state.begun.push(id)
      state.slots.set(origin, (state.slots.get(origin) ?? 0) - 1)
      state.free -= 1
    },
    leaves: () => {
      state.wakes += 1
    },
  })
  const add = (id: string, origin: string, over: Parameters<typeof claimOf>[1] = {}) =>
    ahead.add(claimOf(`${origin}/`, { id, ...over }), state.now, state.now)
  /** So many slots of the origin come free. */
  const free = (origin: string, count = 1) => {
    state.slots.set(origin, (state.slots.get(origin) ?? 0) + count)
    ahead.freed(origin, state.now)
  }
  /** As the claimer releases them. */
  const release = () => {
    const leaving = ahead.takeLeaving(state.now)
    state.left.push(...leaving.map(({ id }) => id))
    ahead.forget(leaving)
    return leaving.map(({ id }) => id)
  }
  return { state, ahead, add, free, release }
}

t.test('a slot that comes free has the next callback of its origin at once, in the order of the claims', async t => {
  const { state, ahead, add, free } = staged()
  add('1', a)
  add('2', b)
  add('3', a)
  t.same(state.begun, [])
  free(a)
  t.same(state.begun, ['1'])
  free(b)
  free(a)
  t.same(state.begun, ['1', '2', '3'])
  t.equal(ahead.size, 0)
})

t.test('one that comes while its origin has a slot begins at once', async t => {
  const { state, add, free } = staged()
  free(a)
  add('1', a)
  t.same(state.begun, ['1'])
})

t.test(
  'with all slots of the relay taken the next that is free goes to whichever origin can take it, in turn',
  async t => {
    const { state, ahead, add, free } = staged()
    state.free = 0
    for (const [n, origin] of [a, a, b, b].entries()) add(String(n), origin)
    free(a, 2)
    free(b, 2)
    t.same(state.begun, [])
    for (let n = 0; n < 4; n += 1) {
      state.free = 1
      ahead.unblock(state.now)
    }
    t.same(state.begun, ['0', '2', '1', '3'])
  },
)

t.test(
  'while claims wait for the relay, a slot goes to the origin whose turn it is, whichever has freed it',
  async t => {
    const { state, ahead, add } = staged()
    state.free = 0
    for (const [n, origin] of [a, a, b].entries()) add(String(n), origin)
    for (const origin of [a, b]) state.slots.set(origin, 2)
    for (let n = 0; n < 3; n += 1) {
      state.free = 1
      ahead.freed(a, state.now)
    }
    t.same(state.begun, ['0', '2', '1'])
  },
)

t.test('nothing begins while outcomes wait to be recorded, and all goes on when they are', async t => {
  const { state, ahead, add, free } = staged()
  state.isPaused = true
  add('1', a)
  free(a)
  t.same(state.begun, [])
  state.isPaused = false
  ahead.unblock(state.now)
  t.same(state.begun, ['1'])
})

t.test('what may not begin any more is released, once', async t => {
  const cases: readonly [string, (it: ReturnType<typeof staged>) => void][] = [
    ['its origin is given up', ({ ahead }) => ahead.giveUp(origin => origin === a)],
    [
      'its registration is not the present one',
      ({ state, free }) => {
        state.epoch = '8'
        free(a)
      },
    ],
    [
      'it has waited too long',
      ({ state }) => {
        state.now += longestAheadMs
      },
    ],
    [
      'it has expired',
      ({ state, free }) => {
        state.now += 50
        free(a)
      },
    ],
  ]
  for (const [why, happens] of cases) {
    const it = staged()
    it.add('1', a, { expiresInMs: 50 })
    happens(it)
    t.ok(it.ahead.has('1'), `${why}: it is known until it is released`)
    t.same(it.release(), ['1'], why)
    t.same(it.release(), [], why)
    it.free(a)
    t.same(it.state.begun, [], why)
    t.equal(it.ahead.size, 0)
  }
})

t.test('an origin that is given up says so once, and others stay', async t => {
  const { state, ahead, add, release } = staged()
  add('1', a)
  add('2', a)
  add('3', b)
  ahead.giveUp(origin => origin === a)
  t.equal(state.wakes, 1)
  t.same(release(), ['1', '2'])
  t.ok(ahead.has('3'))
  t.ok(ahead.holdsEpoch('7'))
  t.equal(ahead.nextAt, longestAheadMs)
})

t.test('whatever happens, each claim begins once or is released once, and none in vain', async t => {
  const act = fc.oneof(
    fc.record({
      act: fc.constant('add' as const),
      origin: fc.constantFrom(a, b),
      expiresInMs: fc.constantFrom(null, 30),
    }),
    fc.record({ act: fc.constantFrom('free' as const, 'give up' as const), origin: fc.constantFrom(a, b) }),
    fc.record({ act: fc.constantFrom('pause' as const, 'register' as const, 'release' as const, 'fill' as const) }),
    fc.record({ act: fc.constant('wait' as const), ms: fc.nat(600) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async acts => {
      const it = staged()
      let added = 0
      for (const each of acts) {
        if (each.act === 'add')
          it.add(String(added++), each.origin, { epoch: it.state.epoch, expiresInMs: each.expiresInMs })
        else if (each.act === 'free') it.free(each.origin)
        else if (each.act === 'give up') it.ahead.giveUp(origin => origin === each.origin)
        else if (each.act === 'pause') it.state.isPaused = !it.state.isPaused
        else if (each.act === 'register') it.state.epoch += '1'
        else if (each.act === 'fill') it.state.free = it.state.free > 0 ? 0 : 5
        else if (each.act === 'wait') it.state.now += each.ms
        else it.release()
        it.ahead.unblock(it.state.now)
      }
      it.state.now += longestAheadMs
      it.release()
      const ended = [...it.state.begun, ...it.state.left]
      t.equal(it.ahead.size, 0)
      t.equal(ended.length, added, 'each has ended')
      t.equal(new Set(ended).size, added, 'none twice')
    }),
    { numRuns: 300 },
  )
})
