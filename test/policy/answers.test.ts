import fc from 'fast-check'
import t from 'tap'
import type { OutcomeKind } from '../../src/model.ts'
import { outcomeOfStatus, ruleOf } from '../../src/policy/answers.ts'

t.test('the statuses that a receiver means something by', async t => {
  const expected = { 200: 'delivered', 204: 'delivered', 299: 'delivered', 301: 'failed', 304: 'failed' } as const
  const refused = { 400: 'rejected', 401: 'rejected', 404: 'rejected', 410: 'rejected', 499: 'rejected' } as const
  const later = { 408: 'failed', 425: 'failed', 429: 'failed', 500: 'failed', 503: 'failed', 999: 'failed' } as const
  for (const [status, kind] of Object.entries({ ...expected, ...refused, ...later }))
    t.equal(outcomeOfStatus(Number(status), []), kind, status)
})

const status = fc.integer({ min: 200, max: 999 })

t.test('an answer is delivered when, and only when, it is a 2xx', async () => {
  fc.assert(fc.property(status, s => (outcomeOfStatus(s, []) === 'delivered') === s < 300))
})

t.test('an answer is never called not_sent or unknown', async () => {
  fc.assert(fc.property(status, s => ['delivered', 'rejected', 'failed'].includes(outcomeOfStatus(s, []))))
})

t.test("an origin's settings turn refusals into failures, and change nothing else", async () => {
  const retried = fc.array(status, { maxLength: 5 })
  fc.assert(
    fc.property(status, retried, (s, list) => {
      const [usual, here] = [outcomeOfStatus(s, []), outcomeOfStatus(s, list)]
      return here === (usual === 'rejected' && list.includes(s) ? 'failed' : usual)
    }),
  )
})

t.test('a 410, and no other answer, holds its url', async t => {
  const holding = Array.from({ length: 800 }, (_, n) => 200 + n).filter(httpStatus => {
    return ruleOf({ kind: outcomeOfStatus(httpStatus, []), httpStatus }).holdsUrl
  })
  t.same(holding, [410])
})

t.test(
  '429, 502, 503 and 504 say that the receiver has too much; other errors of a server that it fails; refusals that it is alive',
  async t => {
    const receiver = (httpStatus: number) => ruleOf({ kind: outcomeOfStatus(httpStatus, []), httpStatus }).receiver
    t.same([429, 502, 503, 504].map(receiver), Array(4).fill('overloaded'))
    t.same([200, 299, 300, 399, 400, 408, 410, 425, 499].map(receiver), Array(9).fill('alive'))
    t.same([500, 501, 505, 599, 600, 999].map(receiver), Array(6).fill('failing'))
  },
)

t.test('a 2xx that is no success by a rule: as a 500 when it is failed, as a refusal when it is rejected', async t => {
  const receiver = (kind: OutcomeKind) => ruleOf({ kind, httpStatus: 200 }).receiver
  t.same((['delivered', 'failed', 'rejected', 'unknown'] as const).map(receiver), [
    'alive',
    'failing',
    'alive',
    'failing',
  ])
})
