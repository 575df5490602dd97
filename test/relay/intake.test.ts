import t from 'tap'
import type { Listed } from '../../src/outbox/fetch.ts'
import { Bell } from '../../src/relay/bell.ts'
import { Holdings } from '../../src/relay/holdings.ts'
import { Intake } from '../../src/relay/intake.ts'
import { Recorder } from '../../src/relay/recorder.ts'
import { Sequencer } from '../../src/sequencer/sequencer.ts'
import { RecordingSession } from '../fixtures/recording-session.ts'
import { silentLog } from '../fixtures/silent-log.ts'

const settings = { concurrency: 16, deadlineMs: 15_000, ratePerSecond: null, breaker: { failures: 3, pauseMs: 1_000 } }
const epoch = '9'

function listed(attempt: number | null): Listed {
  const claimed = {
    messageId: 'm',
    attempt: attempt ?? 0,
    epoch,
    laneEpoch: epoch,
    attemptOfBudget: attempt ?? 0,
    maxAttempts: null,
    msAgo: 20,
  }
  return {
    id: '1',
    lane: 0,
    orderingKey: null,
    origin: 'http://a',
    dueInMs: 0,
    late: false,
    claimed: attempt === null ? null : claimed,
  }
}

function staged(sending: readonly string[] = []) {
  const nothing = () => {}
  const log = silentLog
  const recorder = new Recorder({ relay: () => 'relay', log }, { recorded: nothing, overtaken: nothing, lost: nothing })
  const sequencer = new Sequencer({ rows: 100, settingsOf: () => settings, horizonMs: 1_000, drainMs: 15_000 })
  const holdings = new Holdings()
  holdings.add([{ lane: 0, epoch }])
  const intake = new Intake({
    session: new RecordingSession().session,
    sequencer,
    holdings,
    recorder,
    log,
    policy: { baseMs: 1, capMs: 1, retryAfterCapMs: 1, settingsOf: () => ({ maxAttempts: 9, unknown: 'resend' }) },
    isSending: (id, attempt) => sending.includes(`${id} ${attempt}`),
    bell: new Bell(),
  })
  return { intake, sequencer, recorder }
}

t.test('a claim that nobody here is sending has lost its reply: it goes on record as not sent', async t => {
  const { intake, recorder } = staged()
  t.equal(await intake.takeIn(async () => [listed(1)]), 1)
  t.ok(recorder.holds('1'))
})

t.test('an attempt that was recorded while rows were read is not recorded again as not sent', async t => {
  const { intake, sequencer, recorder } = staged()
  await intake.takeIn(async () => [listed(null)])
  sequencer.take(1, 0)
  const found = await intake.takeIn(async () => {
    // The database read the row while attempt 1 was under way; before the answer is here, it has failed and waits.
    sequencer.later('1', 50, 0)
    return [listed(1)]
  })
  t.equal(found, 0)
  t.notOk(recorder.holds('1'))
})

t.test('nor is one that memory had forgotten', async t => {
  const { intake, sequencer, recorder } = staged()
  await intake.takeIn(async () => {
    sequencer.later('1', 50, 0)
    return [listed(1)]
  })
  t.notOk(recorder.holds('1'))
})

t.test('a POST that is under way here is never recorded as not sent, whatever memory knows of its row', async t => {
  const { intake, recorder } = staged(['1 2'])
  await intake.takeIn(async () => [listed(2)])
  t.notOk(recorder.holds('1'))
  await intake.takeIn(async () => [listed(3)])
  t.ok(recorder.holds('1'))
})
