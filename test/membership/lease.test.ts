import fc from 'fast-check'
import t from 'tap'
import { Lease, systemClocks } from '../../src/membership/lease.ts'

function leased() {
  const clocks = { monotonicMs: 0, wallMs: 1_700_000_000_000 }
  const lease = new Lease(
    { leaseMs: 10_000, marginMs: 1_000 },
    { monotonic: () => clocks.monotonicMs, wall: () => clocks.wallMs },
  )
  return { lease, clocks, sent: () => ({ monotonic: clocks.monotonicMs, wall: clocks.wallMs }) }
}

t.test('nothing is trusted before the first renewal', async t => {
  const { lease } = leased()
  t.notOk(lease.isHeld)
  t.ok(lease.remainingMs <= 0)
})

t.test('it holds from when the renewal was sent, for the lease less the margin', async t => {
  const { lease, clocks, sent } = leased()
  const before = sent()
  clocks.monotonicMs += 2_000
  clocks.wallMs += 2_000
  lease.renewed(before)
  t.equal(lease.remainingMs, 7_000, 'the time the answer took is not given back')
  clocks.monotonicMs = 8_999
  t.ok(lease.isHeld)
  clocks.monotonicMs = 9_000
  t.notOk(lease.isHeld)
  t.equal(lease.remainingMs, 0)
})

t.test('a machine that slept starts nothing, though its monotonic clock stood still', async t => {
  const { lease, clocks, sent } = leased()
  lease.renewed(sent())
  clocks.wallMs += 9_000
  t.notOk(lease.isHeld)
  t.equal(lease.remainingMs, 9_000, 'what is running is not aborted: a set clock looks the same')
})

t.test('a wall clock that was set back prolongs nothing', async t => {
  const { lease, clocks, sent } = leased()
  lease.renewed(sent())
  clocks.wallMs -= 1_000_000
  clocks.monotonicMs = 9_000
  t.notOk(lease.isHeld)
})

t.test('with a lost lease nothing starts until it is renewed, and running POSTs keep their time', async t => {
  const { lease, clocks, sent } = leased()
  lease.renewed(sent())
  clocks.monotonicMs = 2_000
  lease.lost()
  t.notOk(lease.isHeld)
  t.equal(lease.remainingMs, 7_000)
  clocks.monotonicMs = 9_000
  t.equal(lease.remainingMs, 0)
  lease.renewed(sent())
  t.ok(lease.isHeld)
  t.equal(lease.remainingMs, 9_000)
})

t.test('whoever waits a whole lease after the last renewal reached the database finds it given up', async () => {
  const span = fc.nat({ max: 20_000 })
  fc.assert(
    fc.property(span, span, span, (journeyMs, answerMs, elsewhereMs) => {
      const { lease, clocks, sent } = leased()
      const before = sent()
      clocks.monotonicMs += journeyMs
      const reachedAt = clocks.monotonicMs
      clocks.monotonicMs += answerMs
      lease.renewed(before)
      clocks.monotonicMs = Math.max(clocks.monotonicMs, reachedAt + 10_000 + elsewhereMs)
      return !lease.isHeld && lease.remainingMs <= 0
    }),
  )
})

t.test('the system has a clock that only grows and one that tells the time', async t => {
  const first = systemClocks.monotonic()
  t.ok(systemClocks.monotonic() >= first)
  t.ok(systemClocks.wall() > Date.parse('2024-01-01'))
})
