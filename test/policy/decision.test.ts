import fc from 'fast-check'
import t from 'tap'
import type { Decision, OriginSign, Outcome, OutcomeKind } from '../../src/model.ts'
import { decide, originSign, type RetryPolicy, retryDelayMs } from '../../src/policy/decision.ts'

const policy: RetryPolicy = {
  baseMs: 1_000,
  capMs: 60_000,
  retryAfterCapMs: 90_000,
  settingsOf: origin => ({
    maxAttempts: origin === 'https://patient.example' ? 4 : 3,
    unknown: origin === 'https://careful.example' ? 'hold' : 'resend',
  }),
}
const origin = 'https://a.example'

function outcome(kind: OutcomeKind, fields: Partial<Outcome> = {}): Outcome {
  const error = kind === 'delivered' ? null : 'HTTP 500'
  const nothing = { httpStatus: null, responseExcerpt: null, retryAfterMs: null, startedAtMs: 0, finishedAtMs: 1 }
  return { kind, error, ...nothing, ...fields }
}

function decided(kind: OutcomeKind, attemptOfBudget: number, maxAttempts: number | null = null): Decision {
  return decide({ origin, attemptOfBudget, maxAttempts }, outcome(kind), policy, () => 0)
}

const retried = (retryInMs: number): Decision => ({ status: 'pending', retryInMs, reason: 'HTTP 500' })
const gaveUp: Decision = { status: 'dead', reason: 'gave up after 3 of 3 attempts: HTTP 500' }
const rejected: Decision = { status: 'dead', reason: 'rejected: HTTP 500' }
const table: readonly [OutcomeKind, number, Decision][] = [
  ['delivered', 1, { status: 'delivered' }],
  ['delivered', 3, { status: 'delivered' }],
  ['rejected', 1, rejected],
  ['rejected', 3, rejected],
  ['failed', 1, retried(500)],
  ['failed', 2, retried(1_000)],
  ['failed', 3, gaveUp],
  ['not_sent', 1, retried(500)],
  ['not_sent', 3, gaveUp],
  ['unknown', 2, retried(1_000)],
  ['unknown', 3, gaveUp],
]

for (const [kind, attempt, decision] of table) {
  t.test(`${kind} at attempt ${attempt} of 3: ${decision.status}`, async t => {
    t.same(decided(kind, attempt), decision)
  })
}

t.test("the callback's own budget goes before the relay's", async t => {
  t.same(decided('failed', 1, 1), { status: 'dead', reason: 'gave up after 1 of 1 attempts: HTTP 500' })
  t.equal(decided('failed', 3, 4).status, 'pending')
})

t.test('Retry-After lengthens a delay up to a cap of its own, and never shortens it', async t => {
  const inMs = (retryAfterMs: number) => {
    const claim = { origin, attemptOfBudget: 2, maxAttempts: null }
    const decision = decide(claim, outcome('failed', { retryAfterMs }), policy, () => 0)
    return decision.status === 'pending' ? decision.retryInMs : undefined
  }
  t.equal(inMs(0), 1_000)
  t.equal(inMs(5_000), 5_000)
  t.equal(inMs(9_999_999), 90_000)
})

t.test('a refusal is final; a 410 also holds the url, unless its origin has it tried again', async t => {
  const claim = { origin, attemptOfBudget: 1, maxAttempts: null }
  const after = (kind: OutcomeKind, httpStatus: number) =>
    decide(claim, outcome(kind, { httpStatus, error: `HTTP ${httpStatus}` }), policy, () => 0)
  t.same(after('rejected', 404), { status: 'dead', reason: 'rejected: HTTP 404' })
  t.same(after('rejected', 410), { status: 'dead', reason: 'rejected: HTTP 410', holdsUrl: true })
  t.same(after('failed', 410), { status: 'pending', retryInMs: 500, reason: 'HTTP 410' })
})

t.test('what may have arrived is left to an operator where the origin is set so', async t => {
  const careful = { origin: 'https://careful.example', attemptOfBudget: 1, maxAttempts: null }
  const after = (kind: OutcomeKind) => decide(careful, outcome(kind, { error: 'no answer' }), policy, () => 0)
  const reason = 'unknown: no answer; not sent again, as its origin is set to unknown: hold'
  t.same(after('unknown'), { status: 'dead', reason })
  t.equal(after('not_sent').status, 'pending')
  t.equal(after('failed').status, 'pending')
})

t.test('what the relay itself broke off before a byte had left does not use up the last attempt', async t => {
  const claim = { origin, attemptOfBudget: 1, maxAttempts: 1 }
  const after = (kind: OutcomeKind, fields: Partial<Outcome> = {}) =>
    decide(claim, outcome(kind, fields), policy, () => 0).status
  t.equal(after('not_sent', { isAborted: true }), 'pending')
  t.equal(after('not_sent'), 'dead')
  t.equal(after('unknown', { isAborted: true }), 'dead')
})

t.test('an origin may have attempts of its own number, and a callback goes by its own first', async t => {
  const after = (attemptOfBudget: number, maxAttempts: number | null) =>
    decide({ origin: 'https://patient.example', attemptOfBudget, maxAttempts }, outcome('failed'), policy, () => 0)
  t.equal(after(3, null).status, 'pending')
  t.same(after(4, null), { status: 'dead', reason: 'gave up after 4 of 4 attempts: HTTP 500' })
  t.same(after(2, 2), { status: 'dead', reason: 'gave up after 2 of 2 attempts: HTTP 500' })
})

t.test('an outcome without a reason still gives one', async t => {
  const decision = decide(
    { origin, attemptOfBudget: 1, maxAttempts: null },
    outcome('failed', { error: null }),
    policy,
    () => 0,
  )
  t.match(decision, { reason: 'no reason given' })
})

t.test('delays double from the base to the cap, half of each at random', async t => {
  const delays = (random: number) =>
    [1, 2, 3, 7, 13, 5_000].map(attempt => retryDelayMs(attempt, { baseMs: 1_000, capMs: 3_600_000 }, () => random))
  t.same(delays(0), [500, 1_000, 2_000, 32_000, 1_800_000, 1_800_000])
  t.same(delays(0.999_999_9), [1_000, 2_000, 4_000, 64_000, 3_600_000, 3_600_000])
})

t.test(
  'whatever the policy and the attempt, a delay is a whole number between half of the full one and all of it',
  async () => {
    const ms = fc.integer({ min: 1, max: 2 ** 40 })
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(ms, ms, fc.integer({ min: 1, max: 100_000 }), random, (baseMs, capMs, attempt, chance) => {
        const full = Math.min(capMs, baseMs * 2 ** (attempt - 1))
        const delay = retryDelayMs(attempt, { baseMs, capMs }, () => chance)
        return Number.isInteger(delay) && delay >= Math.floor(full / 2) && delay <= Math.ceil(full)
      }),
    )
  },
)

t.test('what an attempt says about its origin', async t => {
  const signs: readonly [Partial<Outcome>, OriginSign['receiver'], number][] = [
    [{ kind: 'delivered', httpStatus: 204 }, 'alive', 0],
    [{ kind: 'failed', httpStatus: 200 }, 'failing', 0],
    [{ kind: 'rejected', httpStatus: 200 }, 'alive', 0],
    [{ httpStatus: 302 }, 'alive', 0],
    [{ httpStatus: 404, retryAfterMs: 5_000 }, 'alive', 0],
    [{ httpStatus: 500, retryAfterMs: 5_000 }, 'failing', 0],
    [{ httpStatus: 503 }, 'overloaded', 0],
    [{ httpStatus: 429, retryAfterMs: 5_000 }, 'overloaded', 5_000],
    [{ httpStatus: 503, retryAfterMs: 99_999_999 }, 'overloaded', policy.retryAfterCapMs],
    [{ kind: 'unknown' }, 'failing', 0],
    [{ kind: 'unknown', isSilent: true }, 'silent', 0],
    [{ kind: 'not_sent' }, 'failing', 0],
    [{ kind: 'rejected' }, null, 0],
    [{ kind: 'unknown', isAborted: true }, null, 0],
  ]
  for (const [fields, receiver, restMs] of signs) {
    const sign = originSign(outcome('failed', fields), policy)
    const isOfConnection = fields.kind === 'not_sent'
    t.same(sign, { receiver, isOfConnection, restMs, startedAtMs: 0, finishedAtMs: 1 }, JSON.stringify(fields))
  }
})
