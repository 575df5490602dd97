import t from 'tap'
import type { Claimed, Listed } from '../../src/outbox/fetch.ts'
import type { RetryPolicy } from '../../src/policy/decision.ts'
import { recover } from '../../src/relay/recovery.ts'

const policy: RetryPolicy = {
  baseMs: 1_000,
  capMs: 60_000,
  retryAfterCapMs: 60_000,
  settingsOf: () => ({ maxAttempts: 3, unknown: 'resend' }),
}

/** The lane, taken ten seconds ago. */
const held = { epoch: '10', ms: 10_000 }

function claimed(fields: Partial<Claimed> = {}): Listed {
  return {
    id: '7',
    lane: 3,
    orderingKey: null,
    origin: 'http://a',
    dueInMs: 0,
    late: false,
    claimed: {
      messageId: 'm',
      attempt: 2,
      epoch: '9',
      laneEpoch: '10',
      attemptOfBudget: 2,
      maxAttempts: null,
      msAgo: 1_500,
      ...fields,
    },
  }
}

t.test('claimed under an older epoch: it may have arrived, and goes out again at once', async t => {
  const attempt = recover(claimed(), held, policy, 5_000)
  t.match(attempt, { id: '7', attempt: 2, epoch: '9', writtenEpoch: '10' })
  t.match(attempt?.outcome, { kind: 'unknown', httpStatus: null, startedAtMs: 3_500, finishedAtMs: 5_000 })
  t.match(attempt?.outcome.error, /died or lost its lane/)
  t.match(attempt?.decision, { status: 'pending', retryInMs: 0 })
})

t.test('claimed under the present epoch and sent by nobody: no byte can have left', async t => {
  const attempt = recover(claimed({ epoch: '10' }), held, policy, 5_000)
  t.match(attempt, {
    epoch: '10',
    writtenEpoch: '10',
    outcome: { kind: 'not_sent', error: 'the reply to the claim was lost' },
  })
  t.match(attempt?.decision, { status: 'pending', retryInMs: 0 })
})

t.test('a claim whose reply was lost was not the last attempt: a callback that was never sent is not dead', async t => {
  const attempt = recover(claimed({ epoch: '10', attemptOfBudget: 1, maxAttempts: 1 }), held, policy, 5_000)
  t.match(attempt?.decision, { status: 'pending', retryInMs: 0 })
})

t.test('a row that brings relays down does not do so for ever', async t => {
  t.match(recover(claimed({ attempt: 9, attemptOfBudget: 3 }), held, policy, 0)?.decision, {
    status: 'dead',
    reason: /gave up after 3 of 3 attempts: the relay that sent it died/,
  })
  t.match(recover(claimed({ attemptOfBudget: 3, maxAttempts: 4 }), held, policy, 0)?.decision, { status: 'pending' })
})

t.test('what may have arrived is left to an operator where its origin is set so; what cannot have is not', async t => {
  const careful: RetryPolicy = {
    ...policy,
    settingsOf: origin => ({ maxAttempts: 3, unknown: origin === 'http://a' ? 'hold' : 'resend' }),
  }
  t.match(recover(claimed(), held, careful, 0)?.decision, {
    status: 'dead',
    reason: /^unknown: the relay that sent it died or lost its lane .*; not sent again/,
  })
  t.match(recover({ ...claimed(), origin: 'http://b' }, held, careful, 0)?.decision, { status: 'pending' })
  t.match(recover(claimed({ epoch: '10' }), held, careful, 0)?.decision, { status: 'pending', retryInMs: 0 })
})

t.test('a row of a later owner is not ours to judge, nor one that is not claimed', async t => {
  t.equal(recover(claimed({ epoch: '11', laneEpoch: '11' }), held, policy, 0), undefined)
  t.equal(recover({ ...claimed(), claimed: null }, held, policy, 0), undefined)
})

t.test('an epoch that nobody has had: it may have arrived, whoever wrote it', async t => {
  for (const fields of [{ epoch: '11' }, { epoch: '9223372036854775807' }, { epoch: '-7' }, { epoch: '0' }])
    t.match(recover(claimed(fields), held, policy, 0), {
      epoch: fields.epoch,
      writtenEpoch: '10',
      outcome: { kind: 'unknown' },
      decision: { status: 'pending', retryInMs: 0 },
    })
  const restored = recover(claimed({ epoch: '10', msAgo: 3_600_000 }), held, policy, 0)
  t.match(
    restored?.outcome,
    { kind: 'unknown', error: /no relay has had/ },
    'ours, but older than our hold of the lane',
  )
})
