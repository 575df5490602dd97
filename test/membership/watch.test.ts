import fc from 'fast-check'
import t from 'tap'
import { RenewalWatch, renewalIntervalMs } from '../../src/membership/watch.ts'
import type { Registration } from '../../src/outbox/registration.ts'

function registration(renewals: number, fields: Partial<Registration> = {}): Registration {
  return {
    epoch: '1',
    node: 'a',
    process: 'p',
    name: 'a',
    pid: 1,
    kernel: 'unknown',
    leaseMs: 30_000,
    startedAtMs: 0,
    renewals: String(renewals),
    isAble: true,
    digest: '',
    wanted: '',
    forces: false,
    ...fields,
  }
}

/** One that sees a single registration each time; says how it stands. */
function watching(leaseMs = 30_000) {
  const watch = new RenewalWatch(leaseMs)
  return (now: number, ...registrations: Registration[]) => {
    const { living, expired, isLate } = watch.see(registrations, now)
    const epochs = (list: readonly Registration[]) => list.map(({ epoch }) => epoch).join()
    return { living: epochs(living), expired: epochs(expired), isLate }
  }
}

t.test('a relay renews each second, and in time for a short lease', async t => {
  t.equal(renewalIntervalMs(30_000), 1_000)
  t.equal(renewalIntervalMs(1_500), 500)
})

t.test('one that has not renewed for three of our renewals is not counted upon, though its lease goes on', async t => {
  const see = watching()
  t.match(see(0, registration(5)), { living: '1', expired: '' }, 'a new watcher believes everybody')
  t.match(see(1_000, registration(5)), { living: '1' })
  t.match(see(2_000, registration(5)), { living: '1' })
  t.match(see(3_000, registration(5)), { living: '', expired: '' })
  t.match(see(4_000, registration(6)), { living: '1' }, 'it was alive')
})

t.test('it is buried only when its count has stood still for its whole lease while we watched', async t => {
  const see = watching()
  see(0, registration(5, { leaseMs: 10_000 }))
  see(5_000, registration(6, { leaseMs: 10_000 }))
  t.equal(see(14_999, registration(6, { leaseMs: 10_000 })).expired, '')
  t.equal(see(15_000, registration(6, { leaseMs: 10_000 })).expired, '1')
})

t.test('an answer that was long on its way says nothing of the time before it came', async t => {
  const watch = new RenewalWatch(10_000)
  const fields = { leaseMs: 10_000 }
  watch.see([registration(5, fields)], 0, 12_000)
  t.same(watch.see([registration(5, fields)], 12_001).expired, [], 'it may have renewed a moment before')
  t.same(watch.see([registration(5, fields)], 21_999).expired, [])
  t.equal(watch.see([registration(5, fields)], 22_000).expired.length, 1)
})

t.test('a registration that went and came back is new', async t => {
  const see = watching()
  see(0, registration(5, { leaseMs: 1_000 }))
  see(500)
  t.match(see(1_500, registration(5, { leaseMs: 1_000 })), { living: '1', expired: '' })
})

t.test('who renews more often does not count out one that renews less often, in time for its own lease', async t => {
  const see = watching(300)
  const slow = (renewals: number) => registration(renewals, { leaseMs: 30_000 })
  for (let now = 0; now < 20_000; now += 100) {
    // It renews each second, and one renewal takes a second more.
    const renewals = now < 10_000 ? Math.floor(now / 1_000) : Math.floor((now - 1_000) / 1_000)
    if (see(now, slow(renewals)).living !== '1') t.fail(`at ${now}`)
  }
  t.equal(see(20_100, slow(18)).living, '1')
  t.equal(see(21_900, slow(18)).living, '1')
  t.equal(see(23_000, slow(18)).living, '', 'three of its intervals')
})

t.test('who renews less often counts in its own renewals, not in the time that passed', async t => {
  const see = watching(30_000)
  const quick = (renewals: number) => registration(renewals, { leaseMs: 9_000 })
  see(0, quick(1))
  t.equal(see(8_000, quick(1)).living, '1', 'one renewal of ours: we may have been away ourselves')
  t.equal(see(8_100, quick(1)).living, '1')
  t.equal(see(8_200, quick(1)).living, '')
})

t.test('who was away while others renewed three times may be counted out by them', async t => {
  const see = watching()
  see(0, registration(5))
  t.notOk(see(1_000, registration(6)).isLate)
  t.notOk(see(4_500, registration(7)).isLate, 'the others were away as well: the database stood still')
  t.ok(see(8_000, registration(10)).isLate)
  t.notOk(see(9_000, registration(11)).isLate)
  t.notOk(see(10_000, registration(15)).isLate, 'in time, though another renews more often')
})

t.test('with whatever leases relays renew in time, nobody is counted out, nor buried', async () => {
  const lease = fc.integer({ min: 300, max: 60_000 })
  /** Each renewal comes up to so much of an interval later. */
  const late = fc.infiniteStream(fc.double({ min: 0, max: 1.5, noNaN: true }))
  fc.assert(
    fc.property(lease, lease, late, fc.nat({ max: 1_000 }), (ownMs, otherMs, lateness, offsetMs) => {
      const see = watching(ownMs)
      const [own, other] = [renewalIntervalMs(ownMs), renewalIntervalMs(otherMs)]
      const stream = lateness[Symbol.iterator]()
      let [next, renewals] = [offsetMs, 0]
      for (let n = 0; n < 100; n += 1) {
        const now = n * own
        for (; next <= now; next += other * (1 + (stream.next().value ?? 0))) renewals += 1
        const { living, expired } = see(now, registration(renewals, { leaseMs: otherMs }))
        if (renewals > 0 && (living !== '1' || expired !== '')) return false
      }
      return true
    }),
  )
})
