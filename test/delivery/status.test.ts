import fc from 'fast-check'
import t from 'tap'
import { outcomeOfStatus } from '../../src/delivery/status.ts'

t.test('the statuses that a receiver means something by', async t => {
  const expected = { 200: 'delivered', 204: 'delivered', 299: 'delivered', 301: 'failed', 304: 'failed' } as const
  const refused = { 400: 'rejected', 401: 'rejected', 404: 'rejected', 410: 'rejected', 499: 'rejected' } as const
  const later = { 408: 'failed', 425: 'failed', 429: 'failed', 500: 'failed', 503: 'failed', 999: 'failed' } as const
  for (const [status, kind] of Object.entries({ ...expected, ...refused, ...later }))
    t.equal(outcomeOfStatus(Number(status)), kind, status)
})

t.test('an answer is delivered when, and only when, it is a 2xx', async () => {
  const status = fc.integer({ min: 200, max: 999 })
  fc.assert(fc.property(status, s => (outcomeOfStatus(s) === 'delivered') === s < 300))
})

t.test('an answer is never called not_sent or unknown', async () => {
  const status = fc.integer({ min: 200, max: 999 })
  fc.assert(fc.property(status, s => ['delivered', 'rejected', 'failed'].includes(outcomeOfStatus(s))))
})
