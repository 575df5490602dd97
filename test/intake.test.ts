import t from 'tap'
import { Bell } from '../src/bell.ts'
import { Holdings } from '../src/holdings.ts'
import { Intake } from '../src/intake.ts'
import type { Listed } from '../src/outbox/fetch.ts'
import { Recorder } from '../src/recorder.ts'
import { Sequencer } from '../src/sequencer.ts'

const settings = { concurrency: 4, ratePerSecond: null, breaker: { failures: 0, pauseMs: 1_000 } }
const policy = { baseMs: 1_000, capMs: 1_000, maxAttempts: 5 }
const lane = 7

function staged() {
  const sequencer = new Sequencer({ rows: 100, settingsOf: () => settings, horizonMs: 5_000, drainMs: 5_000 })
  const holdings = new Holdings()
  holdings.add([{ lane, epoch: '3' }])
  const log = { error: t.fail } as never
  const recorder = new Recorder({ relay: () => 'test', log }, { recorded: () => {}, overtaken: () => {} })
  const session = { rows: t.fail } as never
  return {
    sequencer,
    recorder,
    intake: new Intake({ session, sequencer, holdings, recorder, policy, bell: new Bell() }),
  }
}

/** @param attempt null: it is pending. */
function listed(attempt: number | null, epoch = '3'): Listed {
  const claimed = attempt === null ? null : { attempt, epoch, attemptOfBudget: attempt, maxAttempts: null, msAgo: 5 }
  return { id: '1', lane, orderingKey: 'k', origin: 'https://o', dueInMs: 0, late: false, claimed }
}

t.test('a read that shows an attempt which ended meanwhile does not make it one that nobody sent', async t => {
  const { sequencer, recorder, intake } = staged()
  await intake.takeIn(async () => [listed(null)])
  const now = performance.now()
  t.equal(sequencer.take(1, now).length, 1)
  await intake.takeIn(async () => {
    sequencer.later('1', now + 50, now)
    return [listed(1)]
  })
  t.equal(recorder.backlog, 0)
  t.equal(sequencer.nextDueAt(), now + 50, 'nor does it bring the retry forward')
})

t.test('nor when memory did not know the row, and only its record has come back', async t => {
  const { sequencer, recorder, intake } = staged()
  await intake.takeIn(async () => {
    sequencer.later('1', performance.now(), performance.now())
    return [listed(1)]
  })
  t.equal(recorder.backlog, 0)
})

t.test('a row whose attempt is on its way into the record does not start another one', async t => {
  const { sequencer, recorder, intake } = staged()
  await intake.takeIn(async () => [listed(null)])
  await intake.takeIn(async () => [listed(1, '2')])
  t.equal(recorder.backlog, 1, 'a former owner had claimed it')
  t.same(sequencer.take(1, performance.now()), [], 'it was known as pending, and is forgotten')
  await intake.takeIn(async () => [listed(null)])
  t.same(sequencer.take(1, performance.now()), [], 'it comes back when the record has')
})
