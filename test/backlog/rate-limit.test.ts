import fc from 'fast-check'
import t from 'tap'
import { RateLimit } from '../../src/backlog/rate-limit.ts'

t.test('whenever it is asked, no more start in any second and 10 ms than the rate says', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.array(fc.nat({ max: 40 }), { maxLength: 300 }), (rate, waits) => {
      const limit = new RateLimit(rate)
      const starts: number[] = []
      let now = 0
      for (const ms of waits) {
        now += ms
        while (limit.opensAt <= now) {
          limit.started(now)
          starts.push(now)
        }
      }
      return starts.every(at => starts.filter(other => other >= at && other < at + 1_010).length <= rate)
    }),
  )
})

t.test('a steady demand gets the rate, less tolerance and jitter', async t => {
  for (const rate of [1, 10, 50, 300]) {
    const limit = new RateLimit(rate)
    let starts = 0
    for (let now = 0; now < 10_000; now += 5) {
      for (; limit.opensAt <= now; starts++) limit.started(now)
    }
    t.ok(starts <= rate * 10 && starts >= rate * 9.4, `${starts} in ten seconds at ${rate}/s`)
  }
})

t.test('without a rate everything may start', async t => {
  const limit = new RateLimit(null)
  for (let n = 0; n < 1_000; n++) limit.started(0)
  t.ok(limit.opensAt <= 0)
})
