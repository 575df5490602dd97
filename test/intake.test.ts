import t from 'tap'
import { Bell } from '../src/bell.ts'
import { Holdings } from '../src/holdings.ts'
import { Intake } from '../src/intake.ts'
import type { Listed } from '../src/outbox/fetch.ts'
import type { Session } from '../src/outbox/session.ts'
import { Recorder } from '../src/recorder.ts'
import { Sequencer } from '../src/sequencer.ts'

const settings = {
  concurrency: 16,
  ratePerSecond: null,
  deadlineMs: 1_000,
  breaker: { failures: 0, pauseMs: 0 },
  headers: [],
}
const row: Listed = { id: '7', lane: 3, orderingKey: 'k', origin: 'http://a', dueInMs: 0, late: false, claimed: null }
const claimed: Listed = {
  ...row,
  claimed: { attempt: 1, epoch: '9', attemptOfBudget: 1, maxAttempts: null, msAgo: 100 },
}

function world() {
  const sequencer = new Sequencer({ rows: 100, settingsOf: () => settings, horizonMs: 5_000, drainMs: 5_000 })
  const holdings = new Holdings()
  holdings.add([{ lane: 3, epoch: '9' }])
  const log = { error: () => {} } as unknown as ConstructorParameters<typeof Recorder>[0]['log']
  const recorder = new Recorder({ relay: () => 'a', log }, { recorded: () => {}, overtaken: () => {} })
  const policy = { baseMs: 1_000, capMs: 60_000, maxAttempts: 3 }
  const session = {} as Session
  const intake = new Intake({ session, sequencer, holdings, recorder, policy, bell: new Bell() })
  return { sequencer, recorder, intake }
}

t.test(
  'an attempt that was recorded while the database was being read is not taken for one that nobody sends',
  async t => {
    const { sequencer, recorder, intake } = world()
    sequencer.add([row], performance.now())
    t.equal(sequencer.take(1, performance.now()).length, 1)
    await intake.takeIn(async () => {
      // Its outcome was a failure: it is known, and waits for its retry, when the rows as they were before come in.
      sequencer.later('7', performance.now() + 1_000, performance.now())
      return [claimed]
    })
    t.equal(recorder.holds('7'), false, 'nothing is recorded as not sent')
    t.ok(sequencer.knows('7'))
  },
)

t.test('a row that is claimed and was sent by nobody since before the database was read is recovered', async t => {
  const { recorder, intake } = world()
  await intake.takeIn(async () => [claimed])
  t.equal(recorder.holds('7'), true)
})

t.test(
  'a row that was recovered while the database was being read is not recovered once more by that reading',
  async t => {
    const { sequencer, recorder, intake } = world()
    await intake.takeIn(async () => {
      sequencer.later('7', performance.now(), performance.now())
      return [claimed]
    })
    t.equal(recorder.holds('7'), false)
  },
)
