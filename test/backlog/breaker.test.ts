import fc from 'fast-check'
import t from 'tap'
import { Breaker } from '../../src/backlog/breaker.ts'
import type { OriginSign } from '../../src/model.ts'
import { receiverRules } from '../../src/policy/answers.ts'

const settings = { concurrency: 16, growsTo: 16, deadlineMs: 15_000, breaker: { failures: 3, pauseMs: 1_000 } }

/** One that has shown that it takes all. */
function proven(of = settings): Breaker {
  const health = new Breaker(of)
  for (let n = 0; n < of.concurrency; n++) health.report(sign('alive', -1))
  return health
}

function sign(receiver: OriginSign['receiver'], at: number, restMs = 0): OriginSign {
  return { receiver, isOfConnection: false, restMs, startedAtMs: at, finishedAtMs: at }
}

t.test('window and breaker do what the table of receivers says', async t => {
  const states = ['alive', 'overloaded', 'failing', 'silent'] as const
  for (const receiver of states) {
    const { window, breaker } = receiverRules[receiver]
    const health = new Breaker({ ...settings, breaker: { failures: 2, pauseMs: 1_000 } })
    for (let n = 0; n < 7; n++) health.report(sign('alive', 0))
    health.report(sign(receiver, 1))
    t.equal(health.window, { grows: 9, stays: 8, halves: 4, 'shrinks with their share': 8 }[window], receiver)
    health.report(sign(receiver, 2_000))
    t.equal(health.opensAt > 0, breaker !== 'success', receiver)
    const other = new Breaker({ ...settings, breaker: { failures: 1, pauseMs: 1_000 } })
    other.report(sign('alive', 5))
    other.report({ ...sign(receiver, 4), finishedAtMs: 6 })
    // Busy answers count from the second on that they last.
    if (receiver === 'overloaded') other.report({ ...sign(receiver, 6), finishedAtMs: 1_006 })
    t.equal(other.opensAt > 0, breaker === 'failure', `${receiver}, another was answered meanwhile`)
  }
})

t.test('failures in a row bring a rest; a success between them begins the count again', async t => {
  const health = proven()
  for (const [at, what] of (['failing', 'failing', 'alive', 'failing', 'failing'] as const).entries())
    health.report(sign(what, at))
  t.ok(health.opensAt < 0)
  t.equal(health.window, 16, 'an attempt that failed says nothing about how many')
  health.report(sign('failing', 10))
  t.equal(health.opensAt, 1_010)
  t.equal(health.window, 1)
})

t.test('what began before the rest tells nothing new', async t => {
  const health = proven()
  for (const at of [1, 2, 3]) health.report(sign('failing', at))
  health.report({ ...sign('failing', 2), finishedAtMs: 900 })
  health.report({ ...sign('alive', 1), finishedAtMs: 950 })
  t.equal(health.opensAt, 1_003)
  t.equal(health.window, 1)
})

/** Signs from one moment on, a millisecond after the other. */
function report(health: Breaker, receivers: readonly OriginSign['receiver'][], from: number): void {
  for (const [n, receiver] of receivers.entries()) health.report(sign(receiver, from + n))
}

t.test('busy answers make the window smaller by half of their share, when that is half of the latest', async t => {
  const health = proven()
  report(
    health,
    [...Array(4)].flatMap(() => ['alive', 'alive', 'alive', 'alive', 'overloaded'] as const),
    0,
  )
  t.equal(health.window, 16, 'a fifth')
  report(
    health,
    [...Array(10)].flatMap(() => ['overloaded', 'alive'] as const),
    100,
  )
  t.ok(health.window < 16, 'a half')
  t.ok(health.opensAt < 0, 'it does not rest')
})

t.test('of answers to what was sent at once only one makes it smaller', async t => {
  const health = new Breaker(settings)
  report(health, Array(5).fill('alive'), -10)
  for (let n = 0; n < 5; n++) health.report({ ...sign('overloaded', 0), finishedAtMs: 100 + n })
  const { window } = health
  health.report({ ...sign('overloaded', 1), finishedAtMs: 120 })
  t.equal(health.window, window)
})

t.test('the pause doubles while probes fail, up to a minute, and begins anew after an answer', async t => {
  const health = proven()
  report(health, ['failing', 'failing', 'failing'], 0)
  const pauses = Array.from({ length: 8 }, () => {
    const now = health.opensAt
    health.report(sign('failing', now))
    return health.opensAt - now
  })
  t.same(pauses, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
  const now = health.opensAt
  report(health, ['alive', 'failing', 'failing', 'failing'], now)
  t.equal(health.opensAt, now + 3 + 1_000)
})

t.test('a receiver that takes each callback the second time is not shut', async t => {
  const health = proven({ ...settings, breaker: { failures: 10, pauseMs: 2_000 } })
  let taken = 0
  const retries: number[] = []
  for (let now = 0; now < 20_000; now += 10) {
    if (now < health.opensAt) continue
    for (let n = 0; n < health.window; n++) {
      const isRetry = (retries[0] ?? Number.POSITIVE_INFINITY) <= now && retries.shift() !== undefined
      health.report({ ...sign(isRetry ? 'alive' : 'overloaded', now), finishedAtMs: now + 5 })
      if (isRetry) taken += 1
      else retries.push(now + 750)
    }
  }
  t.ok(taken > 20 * 30, `${taken} in 20 seconds`)
})

t.test(
  'Retry-After is a rest, at once where nothing else was answered, and longer than a pause when it says so',
  async t => {
    const health = new Breaker(settings)
    health.report(sign('overloaded', 0, 60_000))
    t.equal(health.opensAt, 60_000)
    t.equal(health.window, 1)
    health.report(sign('overloaded', 60_000, 10))
    health.report(sign('failing', 60_020))
    t.equal(health.opensAt, 61_020, 'the third failure in a row')
  },
)

t.test('with 0 failures it never rests by itself', async t => {
  const health = new Breaker({ ...settings, breaker: { failures: 0, pauseMs: 1_000 } })
  for (let at = 0; at < 100; at++) health.report(sign('failing', at))
  t.ok(health.opensAt < 0)
})

t.test('the window stays between one and what was configured, and is whole after enough successes', async () => {
  const step = fc.record({
    receiver: fc.constantFrom('alive' as const, 'overloaded' as const, 'silent' as const, 'failing' as const, null),
    ms: fc.nat({ max: 2_000 }),
    restMs: fc.nat({ max: 100 }),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60, size: 'max' }),
      fc.integer({ min: 1, max: 40 }),
      (steps, concurrency) => {
        const health = new Breaker({ ...settings, concurrency, growsTo: concurrency })
        let now = 0
        for (const { receiver: what, ms, restMs } of steps) {
          now += ms
          health.report(sign(what, now, restMs))
          if (health.window < 1 || health.window > concurrency) return false
        }
        for (let n = 0; n < concurrency ** 2; n++) health.report(sign('alive', now + 7_200_000 + n))
        return health.window === concurrency
      },
    ),
  )
})

t.test('other settings hold at once: a whole window is the new whole, a small one grows or shrinks to it', async t => {
  const health = proven()
  health.reconfigure({ ...settings, concurrency: 32, growsTo: 32 })
  t.equal(health.window, 32)
  health.report(sign('silent', 0))
  t.equal(health.window, 16)
  health.reconfigure({ ...settings, concurrency: 20, growsTo: 20 })
  t.equal(health.window, 16, 'it was halved, and no reload makes it whole')
  health.reconfigure({ ...settings, concurrency: 4, growsTo: 4 })
  t.equal(health.window, 4)
})

t.test('a rest that has begun ends as it would have; the next is as the other settings say', async t => {
  const health = proven()
  for (const at of [1, 2, 3]) health.report(sign('failing', at))
  health.reconfigure({ ...settings, breaker: { failures: 1, pauseMs: 5_000 } })
  t.equal(health.opensAt, 1_003)
  t.equal(health.window, 1)
  health.report(sign('failing', 1_010))
  t.equal(health.opensAt, 11_010, 'the second in a row, so twice as long')
})

/** Answers one request after the other, `tookMs` each; all of the window are there at any time. Gives the windows it sees. */
function serial(health: Breaker, tookMs: number, count: number): { windows: number[]; late: number } {
  const waiting: number[] = []
  const windows: number[] = []
  let late = 0
  for (let now = 0; windows.length < count; now += tookMs) {
    const startedAtMs = waiting.shift()
    if (startedAtMs !== undefined) {
      const isLate = now - startedAtMs > settings.deadlineMs
      if (isLate) late += 1
      const finishedAtMs = isLate ? startedAtMs + settings.deadlineMs : now
      health.report({
        receiver: isLate ? 'silent' : 'alive',
        isOfConnection: false,
        restMs: 0,
        startedAtMs,
        finishedAtMs,
      })
      windows.push(health.window)
    }
    while (waiting.length < health.window) waiting.push(now)
  }
  return { windows, late }
}

t.test('a receiver that handles one request after the other is not given so many that they come too late', async t => {
  for (const tookMs of [100, 500, 1_000, 2_000, 3_000]) {
    const { windows, late } = serial(new Breaker(settings), tookMs, 500)
    t.equal(late, 0, `${tookMs} ms each`)
    t.ok(Math.max(...windows) * tookMs <= settings.deadlineMs / 2 + tookMs, `${Math.max(...windows)} of ${tookMs} ms`)
  }
})

t.test('one that takes long, whatever the number, gets all of its window', async t => {
  const health = new Breaker(settings)
  for (let n = 0; n < 16; n++) health.report({ ...sign('alive', n), finishedAtMs: n + 12_000 - n * 100 })
  t.equal(health.window, 16)
})

t.test('a timeout halves the window, and beyond what worked it grows by one in a whole window of answers', async t => {
  const health = proven()
  health.report(sign('alive', 0))
  health.report({ ...sign('silent', -1), finishedAtMs: 15_000 })
  t.equal(health.window, 8)
  health.report({ ...sign('silent', 0), finishedAtMs: 15_100 })
  t.equal(health.window, 8, 'one in a round trip')
  const windows = Array.from({ length: 17 }, (_, n) => {
    health.report(sign('alive', 15_100 + n))
    return health.window
  })
  t.same(windows, [...Array(7).fill(8), ...Array(9).fill(9), 10])
})

t.test('the slow start after a rest ends at half of what was too much', async t => {
  const health = proven()
  health.report(sign('silent', 0))
  for (const at of [1, 2]) health.report(sign('failing', at))
  t.equal(health.window, 1)
  const windows = Array.from({ length: 10 }, (_, n) => {
    health.report(sign('alive', 2_000 + n))
    return health.window
  })
  t.same(windows, [2, 3, 4, 5, 6, 7, 8, 8, 8, 8])
})

t.test('mere overload opens no breaker; a receiver that hangs for good does', async t => {
  const merely = proven()
  merely.report(sign('alive', 10))
  for (let n = 0; n < 16; n++) merely.report({ ...sign('silent', n % 10), finishedAtMs: 15_000 + n })
  t.ok(merely.opensAt < 0, 'something was answered meanwhile')
  const hanging = proven()
  for (let n = 0; n < 3; n++) hanging.report({ ...sign('silent', n), finishedAtMs: 15_000 + n })
  t.equal(hanging.opensAt, 16_002)
  t.equal(hanging.window, 1)
  for (let n = 3; n < 16; n++) hanging.report({ ...sign('silent', n), finishedAtMs: 15_000 + n })
  t.equal(hanging.opensAt, 16_002, 'those from before the rest do not lengthen it')
})
