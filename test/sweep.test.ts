import t from 'tap'
import { Bell } from '../src/bell.ts'
import { Fetcher } from '../src/fetcher.ts'
import { Holdings } from '../src/holdings.ts'
import { Intake } from '../src/intake.ts'
import { Recorder } from '../src/recorder.ts'
import { Sequencer } from '../src/sequencer.ts'

const settings = { concurrency: 4, ratePerSecond: null, breaker: { failures: 0, pauseMs: 1_000 } }
const policy = { baseMs: 1_000, capMs: 1_000, maxAttempts: 5 }

/** A relay's reader on an empty outbox, and a clock that a test moves. Only a sweep reads parked rows. */
function staged() {
  const clock = { now: 1_000, readTakesMs: 0, sweeps: 0 }
  const rows = async ({ name }: { readonly name: string }) => {
    clock.now += clock.readTakesMs
    if (name === 'ringback_parked') clock.sweeps += 1
    return [{ id: null, read: 0, reached: null }]
  }
  const sequencer = new Sequencer({ rows: 100, settingsOf: () => settings, horizonMs: 5_000, drainMs: 5_000 })
  const holdings = new Holdings()
  holdings.add([{ lane: 1, epoch: '1' }])
  const recorder = new Recorder(
    { relay: () => 'test', log: { error: t.fail } as never },
    { recorded: () => {}, overtaken: () => {} },
  )
  const session = { rows } as never
  const intake = new Intake({
    session,
    sequencer,
    holdings,
    recorder,
    policy,
    isSending: () => false,
    bell: new Bell(),
  })
  const parts = { session, sequencer, holdings, intake }
  const fetcher = new Fetcher(parts, { horizonMs: 5_000, sweepMs: 1_000, memoryRows: 100 })
  return { clock, fetcher }
}

/** `performance.now()` is the test's until its end. */
function mockClock(t: { teardown(end: () => void): void }, clock: { readonly now: number }): void {
  Object.defineProperty(performance, 'now', { configurable: true, writable: true, value: () => clock.now })
  t.teardown(() => Reflect.deleteProperty(performance, 'now'))
}

t.test('a sweep takes a twentieth of the time at most', async t => {
  const { clock, fetcher } = staged()
  mockClock(t, clock)
  clock.readTakesMs = 100
  await fetcher.look()
  t.equal(clock.sweeps, 1)
  clock.readTakesMs = 0
  clock.now += 1_500
  await fetcher.look()
  t.equal(clock.sweeps, 1)
  clock.now += 4_000
  await fetcher.look()
  t.equal(clock.sweeps, 2)
})

t.test('a relay that stood still during a sweep sweeps again within a minute', async t => {
  const { clock, fetcher } = staged()
  mockClock(t, clock)
  clock.readTakesMs = 30_000
  await fetcher.look()
  clock.readTakesMs = 0
  clock.now += 60_000
  await fetcher.look()
  t.equal(clock.sweeps, 2)
})
