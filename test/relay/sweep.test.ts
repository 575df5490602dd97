import t from 'tap'
import { reader } from '../fixtures/reader.ts'

const settings = { concurrency: 4, deadlineMs: 15_000, ratePerSecond: null, breaker: { failures: 0, pauseMs: 1_000 } }

/** A relay's reader on an empty outbox, and a clock that a test moves. Only a sweep reads parked rows. */
function staged() {
  const clock = { now: 1_000, readTakesMs: 0, sweeps: 0 }
  const rows = async ({ name }: { readonly name: string }) => {
    clock.now += clock.readTakesMs
    if (name === 'ringback_parked') clock.sweeps += 1
    return [{ id: null, read: 0, reached: null }]
  }
  const { fetcher } = reader({
    session: { rows } as never,
    lanes: [{ lane: 1, epoch: '1' }],
    log: { error: t.fail } as never,
    settings,
    memoryRows: 100,
    sweepMs: 1_000,
  })
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
