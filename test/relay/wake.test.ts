import fc from 'fast-check'
import t from 'tap'
import { AutoResetEvent } from '../../src/relay/auto-reset-event.ts'
import { type LookedFor, noSleepLock, Wake } from '../../src/relay/wake.ts'
import { WakeWorld } from '../fixtures/wake-world.ts'

/** A look that has found nothing, and has nothing else to do; the poll is due. */
const nothing: LookedFor = { found: 0, more: false, alarmAt: Number.POSITIVE_INFINITY, readAt: 0 }

const place = fc.nat({ max: 99 })
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('insert' as const), relay: fc.nat({ max: 2 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), place }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('arrive' as const), place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crowd' as const), is: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat({ max: 60 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('run' as const), ms: fc.nat({ max: 80 }) }) },
)

async function inWorld<T>(world: WakeWorld, action: (world: WakeWorld) => Promise<T>): Promise<T> {
  try {
    return await action(world)
  } finally {
    world.end()
  }
}

t.test(
  'without any polling no committed row stays unseen, however writers, relays and messages interleave',
  async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { maxLength: 150, size: 'max' }),
      (relays, steps) =>
        inWorld(new WakeWorld(relays), async world => {
          for (const each of steps) {
            if (each.do === 'insert') world.insert(each.relay % relays)
            else if (each.do === 'commit') world.commit(each.place)
            else if (each.do === 'arrive') await world.arrive(each.place)
            else if (each.do === 'crowd') world.isCrowded = each.is
            else if (each.do === 'pass') await world.pass(each.ms)
            else await world.run(each.ms)
          }
          world.commitAll()
          await world.run(200)
          return world.relays.every(({ committed, seen }) => committed === seen)
        }),
    )
    await fc.assert(property, { numRuns: 300 })
  },
)

t.test('a relay without rows sleeps with the lock: it neither looks nor lets writers be silent', async t => {
  await inWorld(new WakeWorld(1), async world => {
    await world.run(100)
    const { looks } = world.relays[0]!
    await world.run(1_000)
    t.equal(world.relays[0]?.looks, looks)
    t.equal(world.holder, 0)
    t.equal(world.notifications, 0)
  })
})

t.test('rows that come one by one are told of one by one, and cost a look each', async t => {
  await inWorld(new WakeWorld(1), async world => {
    await world.run(100)
    const { looks } = world.relays[0]!
    for (let n = 0; n < 20; n++) {
      world.insert(0)
      world.commit(0)
      await world.run(25)
    }
    t.equal(world.relays[0]?.seen, 20)
    t.equal(world.notifications, 20)
    t.equal((world.relays[0]?.looks ?? 0) - looks, 20)
    t.equal(world.holder, 0)
  })
})

t.test('of writers that commit together few notify; the relay stays awake until all have committed', async t => {
  await inWorld(new WakeWorld(1), async world => {
    await world.run(100)
    for (let n = 0; n < 10; n += 1) world.insert(0)
    for (let n = 0; n < 9; n += 1) world.commit(0)
    await world.run(100)
    t.equal(world.relays[0]?.seen, 9)
    t.equal(world.holder, null, 'one is silent, and has not committed')
    t.equal(world.notifications, 4, 'three writers, and the relay when it wakes')
    world.commit(0)
    await world.run(200)
    t.equal(world.relays[0]?.seen, 10)
    t.equal(world.holder, 0)
  })
})

t.test('rows that come in a stream need no notifications after the first, until they are few again', async t => {
  await inWorld(new WakeWorld(1), async world => {
    await world.run(100)
    const stream = async (count: number) => {
      for (let n = 0; n < count; n++) {
        for (let rows = 0; rows < 5; rows++) {
          world.insert(0)
          world.commit(0)
        }
        await world.run(5)
      }
    }
    await stream(20)
    t.equal(world.holder, null)
    const { notifications } = world
    await stream(100)
    t.equal(world.notifications, notifications)
    await world.run(300)
    t.equal(world.relays[0]?.seen, 600)
    t.equal(world.holder, 0, 'it sleeps again')
  })
})

/** A row each `everyMs` milliseconds. */
async function rows(world: WakeWorld, count: number, everyMs: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    world.insert(0)
    world.commit(0)
    await world.run(everyMs)
  }
}

t.test('writers that wait for one another to notify wake the relay, though their rows are few', async t => {
  await inWorld(new WakeWorld(1), async world => {
    await world.run(100)
    world.isCrowded = true
    await rows(world, 20, 10)
    t.equal(world.holder, null)
    world.isCrowded = false
    const { notifications } = world
    await rows(world, 100, 15)
    t.equal(world.notifications, notifications, 'still more than half as many as before: it stays awake')
    await rows(world, 10, 60)
    t.equal(world.holder, 0, 'fewer: it sleeps again')
    t.equal(world.relays[0]?.seen, 130)
  })
})

t.test('after it was woken by waiting writers and has slept, a relay calls as many rows few as before', async t => {
  await inWorld(new WakeWorld(1), async world => {
    await world.run(100)
    world.isCrowded = true
    await rows(world, 5, 40)
    world.isCrowded = false
    await world.run(500)
    t.equal(world.holder, 0)
    for (let n = 0; n < 40; n++) world.insert(0)
    world.commitAll()
    await world.run(20)
    t.equal(world.holder, null, 'a burst wakes it')
    await rows(world, 20, 15)
    t.equal(world.holder, 0, '67 rows a second are few')
  })
})

t.test(
  'whether writers wait is asked four times a second at most, and never about rows that come one by one',
  async t => {
    await inWorld(new WakeWorld(1), async world => {
      await world.run(100)
      await rows(world, 10, 250)
      t.equal(world.asked, 0)
      await rows(world, 100, 10)
      t.ok(world.asked >= 3 && world.asked <= 5, `${world.asked}`)
      t.equal(world.holder, 0)
    })
  },
)

t.test('a notification without a row costs one look: no lock is let go, nobody else is told', async t => {
  await inWorld(new WakeWorld(1), async world => {
    await world.run(100)
    const { looks } = world.relays[0]!
    world.notifyForNothing()
    await world.run(1_000)
    t.equal(world.relays[0]?.looks, looks + 1)
    t.equal(world.holder, 0)
    t.equal(world.notifications, 1)
  })
})

t.test('ten thousand notifications that come during a look cost one look more, and then it rests', async t => {
  const hinted = new AutoResetEvent()
  const wake = new Wake(noSleepLock, { lingerMs: 50, pollMs: 10 }, hinted)
  const next = () => wake.next(nothing, () => Date.now())
  t.equal(await next(), 'checked')
  for (let n = 0; n < 10_000; n++) hinted.set()
  t.equal(await next(), 'hint')
  t.equal(await next(), 'poll')
})

t.test('two idle relays come to rest, though one wakes the other when it wakes', async t => {
  await inWorld(new WakeWorld(2), async world => {
    await world.run(200)
    world.insert(1)
    world.commit(0)
    await world.run(300)
    const looks = world.relays.map(relay => relay.looks)
    await world.run(1_000)
    t.same(
      world.relays.map(relay => relay.looks),
      looks,
    )
    t.equal(world.relays[1]?.seen, 1)
  })
})

t.test('a relay that slept without the lock is not left deaf when its holder has let it go', async t => {
  await inWorld(new WakeWorld(2), async world => {
    await world.run(200)
    t.equal(world.holder, 0)
    world.insert(0)
    world.commit(0)
    await world.run(20)
    world.insert(1)
    world.commit(0)
    await world.run(100)
    t.equal(world.relays[1]?.seen, 1)
  })
})

t.test('while a silent writer is in flight the relay stays awake, and sees the row soon after the commit', async t => {
  await inWorld(new WakeWorld(1), async world => {
    world.insert(0)
    await world.run(500)
    t.equal(world.holder, null)
    const { looks } = world.relays[0]!
    await world.run(1_000)
    const each = (world.relays[0]?.looks ?? 0) - looks
    t.ok(each >= 20 && each <= 60, `${each} looks a second`)
    world.commit(0)
    await world.run(45)
    t.equal(world.relays[0]?.seen, 1)
  })
})

t.test('when the one that holds the lock dies without a word, its peers are deaf for a poll at most', async t => {
  await inWorld(new WakeWorld(2, { pollMs: 1_000 }), async world => {
    await world.run(200)
    t.equal(world.holder, 0)
    world.kill(0)
    world.insert(1)
    world.commit(0)
    await world.run(1_005)
    t.equal(world.relays[1]?.seen, 1)
    await world.run(1_200)
    t.equal(world.holder, 1, 'and then it sleeps with the lock itself')
  })
})

t.test('a poll behind the notifications goes on while asleep, and says that it was one', async t => {
  await inWorld(new WakeWorld(1, { pollMs: 1_000 }), async world => {
    await world.run(3_100)
    t.same(world.relays[0]?.reasons.slice(-3), ['poll', 'poll', 'poll'])
  })
})

t.test('a relay that stops lets the lock go, and tells its peers', async t => {
  await inWorld(new WakeWorld(1), async world => {
    await world.run(100)
    void world.relays[0]?.wake.rise()
    await world.run(10)
    t.equal(world.holder, null)
    t.equal(world.notifications, 1)
  })
})

t.test('without the trigger there is no lock, only the poll and hints', async t => {
  const hinted = new AutoResetEvent()
  const wake = new Wake(noSleepLock, { lingerMs: 0, pollMs: 1 }, hinted)
  const next = (look: Partial<LookedFor> = {}) => wake.next({ ...nothing, ...look }, () => 1)
  t.equal(await next(), 'checked')
  t.equal(await next(), 'poll')
  hinted.set()
  t.equal(await next(), 'hint')
  t.equal(await next({ found: 1, more: true }), 'linger')
})

t.test('what is to be done at a time is done then, and is no poll', async t => {
  await inWorld(new WakeWorld(1, { pollMs: 5_000 }), async world => {
    const [relay] = world.relays
    if (relay) relay.hasAlarms = true
    await world.run(100)
    const { looks } = relay!
    await world.run(4_500)
    t.same(relay?.reasons.slice(-4), ['alarm', 'alarm', 'alarm', 'alarm'])
    t.equal(relay?.looks, looks, 'it does not look for rows')
    t.equal(world.holder, 0)
  })
})

t.test('a deaf listener is found out by the poll, though alarms come each second', async t => {
  await inWorld(new WakeWorld(1, { pollMs: 2_500 }), async world => {
    const [relay] = world.relays
    if (relay) relay.hasAlarms = true
    await world.run(100)
    relay?.deafen()
    world.insert(0)
    world.commit(0)
    await world.run(2_600)
    t.equal(relay?.seen, 1)
    t.equal(relay?.foundBy, 'poll')
  })
})

t.test('a look that knows of more goes on soon, and does not sleep, though it has found nothing new', async t => {
  const hinted = new AutoResetEvent()
  const wake = new Wake(noSleepLock, { lingerMs: 50, pollMs: 1e9 }, hinted)
  const next = (more: boolean) => wake.next({ ...nothing, more }, () => 0)
  t.equal(await next(true), 'linger')
  t.equal(await next(false), 'checked')
  t.equal(await next(true), 'linger', 'nor does one that has slept')
  hinted.set()
  t.equal(await next(true), 'hint')
})
