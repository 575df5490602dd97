import fc from 'fast-check'
import t from 'tap'
import type { OriginSign } from '../../src/model.ts'
import { Health } from '../../src/sequencer/health.ts'

const settings = { concurrency: 16, breaker: { failures: 3, pauseMs: 1_000 } }

function sign(health: OriginSign['health'], at: number, restMs = 0): OriginSign {
  return { health, restMs, startedAtMs: at, finishedAtMs: at }
}

t.test('failures in a row bring a rest; a success between them begins the count again', async t => {
  const health = new Health(settings)
  for (const [at, what] of (['ill', 'ill', 'well', 'ill', 'ill'] as const).entries()) health.report(sign(what, at))
  t.ok(health.opensAt < 0)
  t.equal(health.window, 16, 'an attempt that failed says nothing about how many')
  health.report(sign('ill', 10))
  t.equal(health.opensAt, 1_010)
  t.equal(health.window, 1)
  t.notOk(health.isWell)
})

t.test('what began before the rest tells nothing new', async t => {
  const health = new Health(settings)
  for (const at of [1, 2, 3]) health.report(sign('ill', at))
  health.report({ ...sign('ill', 2), finishedAtMs: 900 })
  health.report({ ...sign('well', 1), finishedAtMs: 950 })
  t.equal(health.opensAt, 1_003)
  t.equal(health.window, 1)
})

t.test('a busy origin gets half as many at once, and one in a round trip is halved once', async t => {
  const health = new Health(settings)
  health.report({ ...sign('busy', 0), finishedAtMs: 100 })
  health.report({ ...sign('busy', 0), finishedAtMs: 110 })
  t.equal(health.window, 8)
  health.report(sign('busy', 120))
  t.equal(health.window, 4)
  t.ok(health.opensAt < 0, 'it does not rest')
})

t.test('Retry-After is a rest, after a single answer, and longer than a pause when it says so', async t => {
  const health = new Health(settings)
  health.report(sign('busy', 0, 60_000))
  t.equal(health.opensAt, 60_000)
  t.equal(health.window, 1)
  health.report(sign('busy', 60_000, 10))
  health.report(sign('ill', 60_020))
  t.equal(health.opensAt, 61_020, 'the third failure in a row')
})

t.test('with 0 failures it never rests by itself', async t => {
  const health = new Health({ ...settings, breaker: { failures: 0, pauseMs: 1_000 } })
  for (let at = 0; at < 100; at++) health.report(sign('ill', at))
  t.ok(health.opensAt < 0)
})

t.test('the window stays between one and what was configured, and all is well after enough successes', async () => {
  const step = fc.record({
    health: fc.constantFrom('well' as const, 'busy' as const, 'ill' as const, null),
    ms: fc.nat({ max: 2_000 }),
    restMs: fc.nat({ max: 100 }),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60, size: 'max' }),
      fc.integer({ min: 1, max: 40 }),
      (steps, concurrency) => {
        const health = new Health({ ...settings, concurrency })
        let now = 0
        for (const { health: what, ms, restMs } of steps) {
          now += ms
          health.report(sign(what, now, restMs))
          if (health.window < 1 || health.window > concurrency) return false
        }
        for (let n = 0; n < concurrency; n++) health.report(sign('well', now + 1 + n))
        return health.isWell
      },
    ),
  )
})

t.test('other settings hold at once: a whole window is the new whole, a small one grows or shrinks to it', async t => {
  const health = new Health(settings)
  health.goBy({ ...settings, concurrency: 32 })
  t.equal(health.window, 32)
  t.ok(health.isWell)
  health.report(sign('busy', 0))
  t.equal(health.window, 16)
  health.goBy({ ...settings, concurrency: 20 })
  t.equal(health.window, 16, 'it was halved, and no reload makes it well')
  health.goBy({ ...settings, concurrency: 4 })
  t.equal(health.window, 4)
})

t.test('a rest that has begun ends as it would have; the next is as the other settings say', async t => {
  const health = new Health(settings)
  for (const at of [1, 2, 3]) health.report(sign('ill', at))
  health.goBy({ ...settings, breaker: { failures: 1, pauseMs: 5_000 } })
  t.equal(health.opensAt, 1_003)
  t.equal(health.window, 1)
  health.report(sign('ill', 1_010))
  t.equal(health.opensAt, 6_010)
})
