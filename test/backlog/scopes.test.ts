import fc from 'fast-check'
import t from 'tap'
import { Backlog } from '../../src/backlog/backlog.ts'
import { type OriginSettings, Scopes } from '../../src/backlog/scopes.ts'
import type { OriginSign, ShownRow } from '../../src/model.ts'
import { idleOrigins, mostAhead, mostRoom, refillMs } from '../../src/policy/tuning.ts'
import { shownRow } from '../fixtures/shown-row.ts'

const a = 'http://a'
const b = 'http://b'

function settings(fields: Partial<OriginSettings> = {}): OriginSettings {
  return {
    concurrency: 16,
    growsTo: fields.concurrency ?? 16,
    deadlineMs: 15_000,
    ratePerSecond: null,
    breaker: { failures: 3, pauseMs: 1_000 },
    ...fields,
  }
}

function sign(receiver: OriginSign['receiver'], at: number, restMs = 0): OriginSign {
  return { receiver, isOfConnection: false, restMs, startedAtMs: at, finishedAtMs: at }
}

interface Sizes {
  readonly room: number
  readonly concurrency: number
  readonly slowConcurrency: number
}

/** A backlog that goes by scopes, as the relay puts them together, and a clock. `room`: instead of what the scopes say. */
function staged(
  settingsOf: (origin: string) => OriginSettings = () => settings(),
  { room, concurrency = 1_000, slowConcurrency = 1_000 }: Partial<Sizes> = {},
) {
  const clock = { now: 0 }
  const scopes = new Scopes({ settingsOf, concurrency, slowConcurrency })
  const backlog = new Backlog({
    memoryRows: 20_000,
    room: (origin, url) => room ?? scopes.room(origin, clock.now, url),
    slots: (origin, url) => scopes.slots(origin, clock.now, url),
    isTroubled: (origin, url) => scopes.isTroubled(origin, url),
    taken: row => scopes.started(row, clock.now),
    isMine: () => true,
  })
  const underWay = new Map<string, string>()
  const urlOf = new Map<string, number>()
  let rows = 0
  /** So many rows of the origin are new. */
  const add = (origin: string, count: number, urlHash = 0) => {
    const shown = Array.from({ length: count }, (): ShownRow => {
      rows += 1
      return shownRow(rows, { origin, urlHash })
    })
    backlog.offer(shown, backlog.beginRead())
  }
  /** Takes as many as may start now; returns their origins, by their last letters. */
  const take = (count = 99) => {
    for (const origin of scopes.opened(clock.now)) backlog.freed(origin)
    const taken = backlog.take(count, clock.now)
    for (const { id, origin } of taken) {
      underWay.set(id, origin)
      scopes.sent(id, clock.now)
    }
    for (const { id, urlHash } of taken) urlOf.set(id, urlHash)
    return taken.map(({ origin }) => origin.slice(-1)).join('')
  }
  /** The POSTs of a URL end, the oldest first. */
  const endUrl = (
    urlHash: number,
    receiver: OriginSign['receiver'] = 'alive',
    restMs = 0,
    ended: () => unknown = () => {},
  ) => {
    const own = [...underWay].filter(([id]) => urlOf.get(id) === urlHash)
    for (const [id, origin] of own) {
      underWay.delete(id)
      scopes.ended(id, sign(receiver, clock.now, restMs), clock.now)
      backlog.freed(origin)
      backlog.ended(id, 'settled', null)
      ended()
    }
    return own.length
  }
  /** So many POSTs of the origin end, the oldest first. */
  const end = (origin: string, receiver: OriginSign['receiver'] = 'alive', count = 99, restMs = 0) => {
    const own = [...underWay].filter(([, each]) => each === origin).slice(0, count)
    for (const [id] of own) {
      underWay.delete(id)
      scopes.ended(id, sign(receiver, clock.now, restMs), clock.now)
      backlog.freed(origin)
      backlog.ended(id, 'settled', null)
    }
    return own.length
  }
  /** It has shown that it takes all of its window. */
  const prove = (origin: string) => {
    for (let n = 0; n < 16; n += 1) {
      scopes.started({ id: 'proof', origin, urlHash: 0 }, clock.now)
      scopes.ended('proof', sign('alive', clock.now), clock.now)
    }
  }
  return { clock, scopes, backlog, add, take, end, endUrl, prove }
}

t.test('an origin of which nothing is known gets one POST at first, then twice as many each round trip', async t => {
  const { add, take, end } = staged()
  add(a, 32)
  for (const expected of [1, 2, 4, 8, 16, 1]) {
    t.equal(take().length, expected)
    t.equal(end(a), expected)
  }
})

t.test('what it has shown that it can take outlives its rows', async t => {
  const { clock, add, take, end } = staged()
  add(a, 31)
  while (take().length > 0) end(a)
  clock.now = 60_000
  add(a, 20)
  t.equal(take().length, 16)
})

t.test('an origin has no more than its window under way, and the others go on', async t => {
  const { add, take, end, prove } = staged(() => settings({ concurrency: 2 }))
  prove(a)
  add(a, 4)
  add(b, 1)
  t.equal(take(), 'aba')
  t.equal(take(), '')
  end(b)
  t.equal(take(), '')
  end(a, 'alive', 1)
  t.equal(take(), 'a')
})

t.test('origins take turns, and one that hangs costs the others nothing', async t => {
  const { add, take, end, prove } = staged()
  for (const origin of [a, b]) prove(origin)
  add(a, 32)
  add(b, 5)
  add('http://c', 2)
  t.equal(take(6), 'abcaba')
  t.equal(take(), `ba${'ba'.repeat(2)}${'a'.repeat(10)}`)
  end(b)
  add(b, 20)
  t.equal(take(), 'b'.repeat(16), 'a has its window under way')
})

t.test('one that fails again and again rests, is probed by one, and then given more and more', async t => {
  const { clock, scopes, add, take, end, prove } = staged()
  prove(a)
  add(a, 32)
  add(b, 1)
  t.equal(take().length, 17, 'sixteen of it, and the other one')
  clock.now = 10
  end(a, 'failing')
  clock.now = 1_009
  t.equal(take(), '', 'three would have been enough: it rests')
  t.equal(scopes.nextAt, 1_010)
  clock.now = 1_010
  t.equal(take(), 'a')
  end(a, 'failing')
  clock.now = 3_009
  t.equal(take(), '', 'the probe failed, too: it rests twice as long')
  clock.now = 3_010
  t.equal(take(), 'a')
  for (const expected of [2, 4, 8]) {
    end(a)
    t.equal(take().length, expected)
  }
})

t.test('trouble outlives the last row of an origin, and ends by itself', async t => {
  const { clock, scopes, add, take, end } = staged()
  add(a, 1)
  take()
  end(a, 'overloaded', 1, 500)
  clock.now = 100
  add(a, 1)
  t.equal(take(), '')
  t.equal(scopes.nextAt, 500)
  clock.now = 500
  t.equal(take(), 'a')
  t.equal(scopes.nextAt, 1_500, 'nothing but the POST that may turn slow')
})

t.test('a rest that grew longer meanwhile is waited for to its end', async t => {
  const { clock, scopes, add, take, end, prove } = staged()
  prove(a)
  add(a, 3)
  t.equal(take(2), 'aa')
  end(a, 'overloaded', 2, 500)
  t.equal(take(), '')
  scopes.rest(a, 200)
  clock.now = 500
  t.equal(take(), 'a', 'at its end, however often it was told to rest')
})

t.test('an origin that is not to be asked before a time is asked then', async t => {
  const { clock, scopes, backlog, add } = staged()
  const claimableAt = 2_100
  const waiting = new Backlog({
    memoryRows: 10,
    room: () => 10,
    slots: origin => {
      if (claimableAt <= clock.now) return scopes.slots(origin, clock.now)
      scopes.rest(origin, claimableAt)
      return 0
    },
    isMine: () => true,
  })
  add(a, 1)
  t.equal(backlog.size, 1)
  const taken = backlog.take(1, 0)
  for (const { id } of taken) scopes.withdrawn(id)
  waiting.offer(taken, waiting.beginRead())
  t.same(waiting.take(1, 0), [])
  t.equal(scopes.nextAt, 2_100)
  clock.now = 2_100
  t.same(scopes.opened(clock.now), [a])
  waiting.freed(a)
  t.equal(waiting.take(1, 0).length, 1)
})

t.test('a rate holds for its origin alone, however many slots are free', async t => {
  const { clock, scopes, add, take, end, prove } = staged(origin =>
    settings({ ratePerSecond: origin === a ? 10 : null }),
  )
  prove(b)
  add(a, 3)
  add(b, 3)
  t.equal(take(), 'abbb')
  end(a)
  clock.now = 100
  t.equal(take(), '')
  t.equal(scopes.nextAt, 101)
  clock.now = 101
  t.equal(take(), 'a', 'though the one before is still under way')
  end(a)
  clock.now = 201
  t.equal(take(), '')
  clock.now = 202
  t.equal(take(), 'a')
})

t.test('a rate is kept up while POSTs take long: slots come back with time, though none has ended', async t => {
  const { clock, scopes, backlog, add, take, prove } = staged(() => settings({ ratePerSecond: 10, concurrency: 64 }))
  prove(a)
  clock.now = 10_000
  add(a, 60)
  let starts = 0
  // The second take is told when the next may start.
  for (; clock.now < 11_000; clock.now = scopes.nextAt ?? Number.POSITIVE_INFINITY)
    starts += take().length + take().length
  t.ok(starts >= 10 && starts <= 12, `${starts} in a second`)
  t.ok(backlog.size > 0)
})

t.test('at 50 a second never more than 50 start in a second, and a steady demand gets nearly as many', async () => {
  const pauses = fc.array(fc.record({ ms: fc.nat({ max: 60 }), ends: fc.nat({ max: 8 }) }), {
    minLength: 20,
    maxLength: 150,
    size: 'max',
  })
  fc.assert(
    fc.property(pauses, steps => {
      const { clock, backlog, add, take, end } = staged(() => settings({ ratePerSecond: 50, concurrency: 64 }))
      const starts: number[] = []
      for (const { ms, ends } of steps) {
        clock.now += ms
        if (backlog.size < 64) add(a, 10)
        for (const _ of take()) starts.push(clock.now)
        end(a, 'alive', ends)
      }
      return starts.every(at => starts.filter(other => other >= at && other < at + 1_000).length <= 50)
    }),
  )
  const { clock, backlog, add, take, end } = staged(() => settings({ ratePerSecond: 50, concurrency: 64 }))
  let starts = 0
  for (; clock.now < 10_000; clock.now += 5) {
    if (backlog.size < 64) add(a, 5)
    starts += take().length
    end(a)
  }
  if (starts < 470 || starts > 500) throw new Error(`${starts} in ten seconds`)
})

t.test('memory has room for what the origin takes in 100 ms at its recent pace, at least twice its cap', async t => {
  const { clock, scopes, end, prove, add, take } = staged()
  t.equal(scopes.room(a, 0), 32, 'nothing is known of it')
  prove(a)
  for (; clock.now < 5_000; clock.now += 1) {
    add(a, 2)
    take(2)
    end(a)
  }
  const room = scopes.room(a, clock.now)
  t.ok(room > 150 && room <= 210, `${room} at 2,000 a second`)
  for (let n = 0; n < 20_000; n += 1) prove(a)
  t.equal(scopes.room(a, clock.now), mostRoom)
})

t.test('while an origin rests memory has room for its probe alone', async t => {
  const { clock, scopes, backlog, add, take, end, prove } = staged()
  prove(a)
  add(a, 40)
  t.ok(backlog.behind)
  take()
  end(a, 'failing')
  t.equal(scopes.room(a, clock.now), 1)
  t.notOk(backlog.wantsPulls, 'it has rows enough for that')
  clock.now = 1_000
  t.equal(scopes.room(a, clock.now), 1, 'until the probe has been answered')
  t.equal(take(), 'a')
  end(a)
  t.equal(scopes.room(a, clock.now), 32)
})

t.test('what was not sent after all leaves its slot, and the pace, as they were', async t => {
  const { scopes } = staged()
  scopes.started({ id: '1', origin: a, urlHash: 0 }, 0)
  t.equal(scopes.slots(a, 0), 0)
  scopes.withdrawn('1')
  t.equal(scopes.slots(a, 0), 1)
  scopes.withdrawn('unknown')
})

t.test('after a hold an origin starts slowly, unless something goes there anyway', async t => {
  const { scopes, prove } = staged()
  for (const origin of [a, b]) prove(origin)
  scopes.started({ id: '1', origin: b, urlHash: 0 }, 0)
  for (const origin of [a, b, 'http://unknown']) scopes.startSlowly(origin)
  t.equal(scopes.slots(a, 0), 1)
  t.equal(scopes.slots(b, 0), 15)
})

t.test('other settings hold for origins that have rows already: more at once, fewer, a rate, none', async t => {
  let current = settings({ concurrency: 2 })
  const { clock, scopes, backlog, add, take, end, prove } = staged(() => current, { room: 100 })
  prove(a)
  const reconfigure = (concurrency: number, ratePerSecond: number | null) => {
    current = settings({ concurrency, ratePerSecond })
    for (const origin of scopes.reconfigure()) backlog.freed(origin)
  }
  add(a, 4)
  t.equal(take(), 'aa')
  reconfigure(4, null)
  t.equal(take(), 'aa', 'two more slots')
  add(a, 8)
  reconfigure(2, null)
  end(a, 'alive', 2)
  t.equal(take(), '', 'two are still under way')
  end(a, 'alive', 1)
  t.equal(take(), 'a')
  end(a)
  reconfigure(2, 1)
  t.equal(take(), 'a', 'one a second')
  reconfigure(4, 1)
  clock.now = 500
  t.equal(take(), '', 'the same rate goes on counting')
  end(a)
  clock.now = 1_010
  t.equal(take(), 'a')
  t.equal(take(), '')
  t.equal(scopes.nextAt, 2_010, 'the POST under way counts as slow')
  reconfigure(4, null)
  t.equal(take(), 'aaa', 'nobody waits for a rate that is gone')
})

t.test(
  'idle origins are remembered up to a bound; those used last, and those that have something under way',
  async t => {
    const { scopes, prove } = staged()
    scopes.started({ id: '1', origin: 'http://hanging', urlHash: 0 }, 0)
    prove('http://old')
    for (let n = 0; n < idleOrigins; n += 1) prove(`http://${n}`)
    t.equal(scopes.slots('http://old', 0), 1, 'it is forgotten')
    t.equal(scopes.slots(`http://${idleOrigins - 1}`, 0), 16)
    t.equal(scopes.slots('http://hanging', 0), 0, 'its POST is counted')
    t.equal(scopes.reconfigure().length, idleOrigins)
  },
)

t.test('a POST that has waited a second keeps no fast slot', async t => {
  const { clock, scopes, add, take, end, prove } = staged(undefined, { concurrency: 4 })
  for (const origin of [a, b]) prove(origin)
  add(a, 4)
  t.equal(take(), 'aaaa')
  add(b, 1)
  clock.now = 999
  t.equal(take(), '')
  t.equal(scopes.nextAt, 1_000)
  clock.now = 1_000
  t.equal(take(), 'b')
  end(b)
  add(a, 1)
  t.equal(take(), '', 'the cap of the origin counts both')
})

t.test('one that does not answer any more gets one POST at a time until it does', async t => {
  const { clock, add, take, end, prove } = staged(() => settings({ concurrency: 4 }))
  prove(a)
  add(a, 20)
  t.equal(take(2), 'aa')
  clock.now = 1_000
  t.equal(take(), '')
  end(a, 'silent', 1)
  t.equal(take(), '')
  end(a, 'silent', 1)
  t.equal(take(), 'a')
  end(a)
  t.ok(take().length > 1)
})

t.test('a receiver that takes a second and a half is given all of its window', async t => {
  const { clock, add, take, end, prove } = staged(undefined, { room: 1_000 })
  prove(a)
  add(a, 1_000)
  const began: number[] = []
  for (; clock.now < 60_000; clock.now += 100) {
    end(a, 'alive', began.filter(at => at === clock.now - 1_500).length)
    for (const _ of take(2)) began.push(clock.now)
  }
  const perSecond = began.length / 60
  t.ok(perSecond > 8.5, `${perSecond} a second, of 16 / 1.5`)
})

t.test('those that have not answered get half of what is free, and the others what they want', async t => {
  const { clock, scopes, add, take, end, prove } = staged(undefined, { concurrency: 64 })
  prove(a)
  for (let n = 0; n < 300; n += 1) add(`http://hanging-${n}`, 10)
  t.equal(take().length, 32)
  add(a, 16)
  t.equal(take(), 'a'.repeat(16))
  end(a)
  clock.now = 1_000
  add(b, 1)
  t.match(take(), /b/, 'one of which nothing is known goes before those that hang')
  t.equal(scopes.free, 32)
})

t.test('where slow slots are scarce none starts that has one, and no proven origin suffers', async t => {
  const { clock, add, take, prove } = staged(undefined, { concurrency: 8, slowConcurrency: 8 })
  for (const origin of [a, b]) prove(origin)
  add(a, 9)
  take(8)
  clock.now = 1_000
  t.equal(take(), '')
  add(b, 4)
  t.equal(take(), 'bbbb')
})

t.test('a URL that hangs, one that asks for a rest and one that fails leave the window to the others', async t => {
  const { clock, add, take, endUrl, prove } = staged(undefined, { room: 200 })
  prove(a)
  const [hangs, rests, fails, well] = [1, 2, 3, 4]
  let delivered = 0
  for (; clock.now < 60_000; clock.now += 100) {
    for (const url of [hangs, rests, fails]) add(a, 5, url)
    add(a, 10, well)
    take()
    delivered += endUrl(well, 'alive', 0, take)
    endUrl(rests, 'overloaded', 30_000)
    endUrl(fails, 'overloaded')
    if (clock.now % 15_000 === 0) endUrl(hangs, 'silent')
  }
  t.ok(delivered > 0.9 * 6_000, `${delivered} of 6000`)
})

t.test(
  'a URL hangs from the first POST on: another is tried a second later, and gets half of what that leaves',
  async t => {
    const { clock, add, take, endUrl } = staged()
    add(a, 5, 1)
    t.equal(take(), 'a')
    add(a, 5, 2)
    t.equal(take(), '')
    clock.now = 1_000
    t.equal(take(), 'a')
    for (let n = 0; n < 8; n += 1) {
      endUrl(2)
      add(a, 10, 2)
      take()
    }
    t.equal(endUrl(2), 7)
  },
)

t.test('URLs in trouble have half of what the others of their origin leave', async t => {
  const { clock, add, take, endUrl, prove } = staged(undefined, { room: 1_000 })
  prove(a)
  for (let url = 1; url <= 9; url += 1) add(a, 1, url)
  take()
  clock.now = 1_000
  for (let url = 1; url <= 9; url += 1) {
    endUrl(url, 'silent')
    add(a, 1, 0)
    take()
    endUrl(0)
  }
  for (let url = 1; url <= 9; url += 1) add(a, 2, url)
  t.ok(take().length <= 8)
  add(a, 9, 20)
  t.ok(take().length >= 4)
})

t.test('whatever starts and ends, unproven origins hold no more than half of what the others leave', async () => {
  const act = fc.record({
    origin: fc.nat({ max: 9 }),
    ms: fc.nat({ max: 900 }),
    what: fc.constantFrom('alive', 'silent', 'add'),
  })
  fc.assert(
    fc.property(fc.array(act, { minLength: 20, maxLength: 200, size: 'max' }), acts => {
      const { clock, scopes, add, take, end } = staged(undefined, { concurrency: 16, slowConcurrency: 16 })
      for (const { origin, ms, what } of acts) {
        clock.now += ms
        if (what === 'add') add(`http://${origin}`, 8)
        else end(`http://${origin}`, what as 'alive' | 'silent', 2)
        take()
        if (scopes.free < 0) return false
      }
      for (let n = 0; n < 10; n += 1) end(`http://${n}`)
      clock.now += 60_000
      return scopes.free === 16
    }),
  )
})

/** Scopes of which origin `a` has answered so many POSTs, one a millisecond until `now`; sixteen more are on the wire. */
function busy(answers: number, fields: Partial<OriginSettings> = {}, concurrency = 1_000) {
  const scopes = new Scopes({ settingsOf: () => settings(fields), concurrency, slowConcurrency: 1_000 })
  const now = 10_000
  for (let n = 0; n < answers; n += 1) {
    const at = now - answers + n
    scopes.taken({ id: `-${n}`, origin: a, urlHash: 0 }, at)
    scopes.sent(`-${n}`, at)
    scopes.ended(`-${n}`, sign('alive', at), at)
  }
  for (let n = 0; n < Math.min(16, concurrency); n += 1) {
    scopes.taken({ id: String(n), origin: a, urlHash: 0 }, now)
    scopes.sent(String(n), now)
  }
  scopes.opened(now)
  return { scopes, now }
}

t.test('an origin that is well has rows claimed ahead, as many as it takes in 60 ms', async t => {
  const { scopes, now } = busy(2_000)
  t.equal(scopes.slots(a, now), 0, 'its window is full')
  t.equal(scopes.slots(a, now, null, true), 58)
  scopes.taken({ id: 'x', origin: a, urlHash: 0 }, now)
  t.ok(scopes.isAhead('x'))
  t.equal(scopes.freeAhead, mostAhead - 1)
  t.equal(scopes.ahead({ origin: a, urlHash: 0 }, now), 'waits')
  scopes.ended('0', sign('alive', now), now)
  t.equal(scopes.slots(a, now), 0, 'the slot is for the one ahead')
  t.equal(scopes.ahead({ origin: a, urlHash: 0 }, now), 'begins')
  scopes.started({ id: 'x', origin: a, urlHash: 0 }, now)
  t.notOk(scopes.isAhead('x'))
  t.equal(scopes.slots(a, now), 0)
})

t.test('an origin that is slow, unknown, failing, silent or has a rate has none ahead', async t => {
  const slow = busy(3)
  t.equal(slow.scopes.slots(a, slow.now + 400, null, true), 0, 'slow')
  t.equal(slow.scopes.slots(b, slow.now, null, true), 1, 'unknown')
  const rated = busy(2_000, { ratePerSecond: 5_000 })
  t.equal(rated.scopes.slots(a, rated.now, null, true), 0, 'a rate')
  for (const receiver of ['failing', 'silent'] as const) {
    const { scopes, now } = busy(2_000)
    scopes.started({ id: 'last', origin: a, urlHash: 0 }, now)
    scopes.sent('last', now)
    scopes.ended('last', sign(receiver, now + 1), now + 1)
    t.equal(scopes.slots(a, now + 1, null, true), 0, receiver)
  }
})

t.test('claims ahead come together: after one, all wait 30 ms, unless little is ahead', async t => {
  const { scopes, now } = busy(2_000)
  t.equal(scopes.slots(a, now, null, true), 58)
  scopes.taken({ id: 'x', origin: a, urlHash: 0 }, now)
  t.equal(scopes.slots(a, now, null, true), 57, 'of the same claim')
  scopes.opened(now)
  t.equal(scopes.slots(a, now, null, true), 0)
  t.equal(scopes.nextAt, now + refillMs)
  t.same(scopes.opened(now + refillMs), [a])
  t.ok(scopes.slots(a, now + refillMs, null, true) > 0)
  scopes.withdrawn('x')
  t.ok(scopes.slots(a, now + refillMs, null, true) > 0)
})

t.test('when half of the rows claimed ahead have started, more are claimed before their time', async t => {
  const { scopes, now } = busy(2_000)
  for (const id of ['w', 'x', 'y', 'z']) scopes.taken({ id, origin: a, urlHash: 0 }, now)
  scopes.opened(now)
  scopes.started({ id: 'w', origin: a, urlHash: 0 }, now)
  t.equal(scopes.slots(a, now, null, true), 0)
  scopes.started({ id: 'x', origin: a, urlHash: 0 }, now)
  t.equal(scopes.slots(a, now, null, true), 56)
})

t.test('a slot of the relay that an origin without rows ahead has asked for is left to it', async t => {
  const { scopes, now } = busy(2_000, {}, 16)
  scopes.taken({ id: 'x', origin: a, urlHash: 0 }, now)
  t.equal(scopes.slots(b, now, null, true), 0)
  scopes.ended('0', sign('alive', now), now)
  t.ok(scopes.isFull)
  t.equal(scopes.ahead({ origin: a, urlHash: 0 }, now), 'waits', 'the other has asked for it')
  t.same(scopes.opened(now), [b])
  t.equal(scopes.slots(b, now), 1)
  scopes.taken({ id: 'y', origin: b, urlHash: 0 }, now)
  scopes.ended('1', sign('alive', now), now)
  t.equal(scopes.ahead({ origin: a, urlHash: 0 }, now), 'begins')
})

t.test('while all slots of the relay are taken, an origin that is well has one row ahead, however slow', async t => {
  const { scopes, now } = busy(20, {}, 16)
  const later = now + 900
  t.equal(scopes.slots(a, later), 0, 'a row that may not wait')
  t.equal(scopes.slots(a, later, null, true), 1)
  scopes.taken({ id: 'x', origin: a, urlHash: 0 }, later)
  t.ok(scopes.isAhead('x'))
  t.equal(scopes.slots(a, later, null, true), 0)
  scopes.ended('0', sign('alive', now), later)
  t.notOk(scopes.isFull, 'it asked in vain before')
  t.equal(scopes.ahead({ origin: a, urlHash: 0 }, later), 'begins')
})

t.test('the window grows while all of it is in use, and memory has rows for it', async t => {
  const fields = { concurrency: 16, growsTo: 64 }
  for (const [demand, window] of [
    [15, 16],
    [99, 64],
  ] as const) {
    const { clock, scopes, add, take, end } = staged(() => settings(fields), { room: 1_000 })
    for (; clock.now < 10_000; clock.now += 10) {
      add(a, Math.min(demand, scopes.slots(a, clock.now)))
      take(demand)
      end(a)
    }
    t.equal(scopes.slots(a, clock.now), window)
    t.ok(scopes.room(a, clock.now) >= 2 * window)
  }
})
