import fc from 'fast-check'
import t from 'tap'
import { type LaneRow, laneCount, planLanes, RelayWatch } from '../../src/policy/lanes.ts'

/** Owners are numbers: 0 to 6 may live, 7 to 9 never do, null has been released. */
const start = fc.record({
  living: fc.uniqueArray(fc.nat({ max: 6 }), { minLength: 1 }),
  owners: fc.array(fc.option(fc.nat({ max: 9 })), { minLength: laneCount, maxLength: laneCount }),
  turns: fc.infiniteStream(fc.nat({ max: 6 })),
})

/** The lanes as the database holds them. */
class Lanes {
  rows: LaneRow[]

  constructor(owners: readonly (number | null)[]) {
    this.rows = owners.map((owner, lane) => ({ lane, epoch: '1', owner: owner === null ? null : nameOf(owner) }))
  }

  give(lane: number, owner: string | null): void {
    this.rows = this.rows.map(row => (row.lane === lane ? { ...row, epoch: `${Number(row.epoch) + 1}`, owner } : row))
  }

  ownedBy(name: string): number {
    return this.rows.filter(({ owner }) => owner === name).length
  }
}

function nameOf(relay: number): string {
  return `relay-${relay}`
}

/** The relay looks, plans and acts. True when there was something to do. */
function share(lanes: Lanes, me: string, living: ReadonlySet<string>): boolean {
  const { take, release } = planLanes(lanes.rows, me, living)
  if (take.length > 0 && release.length > 0) throw new Error('a relay would take lanes and release others')
  for (const { lane, owner } of take) {
    if (owner !== null && living.has(owner)) throw new Error(`lane ${lane} would be taken from a living owner`)
    lanes.give(lane, me)
  }
  for (const { lane, owner } of release) {
    if (owner !== me) throw new Error(`lane ${lane} is not this relay's to release`)
    lanes.give(lane, null)
  }
  return take.length + release.length > 0
}

t.test('from any start, in any order, the lanes are shared evenly in the end, and then nobody moves one', async () => {
  fc.assert(
    fc.property(start, ({ living, owners, turns }) => {
      const lanes = new Lanes(owners)
      const names = living.map(nameOf)
      const all = new Set(names)
      const random = [...turns.take(20)].map(n => names[n % names.length] ?? '')
      for (const name of [...random, ...names, ...names]) share(lanes, name, all)
      const least = Math.floor(laneCount / names.length)
      const most = Math.ceil(laneCount / names.length)
      const isFair = names.every(name => lanes.ownedBy(name) >= least && lanes.ownedBy(name) <= most)
      return isFair && lanes.rows.every(({ owner }) => owner !== null) && !names.some(name => share(lanes, name, all))
    }),
    { numRuns: 500 },
  )
})

t.test('no lane moves that need not: a newcomer gets its part, the others keep the rest', async t => {
  const lanes = new Lanes(Array.from({ length: laneCount }, () => 0))
  const both = new Set([nameOf(0), nameOf(1)])
  share(lanes, nameOf(0), both)
  share(lanes, nameOf(1), both)
  t.equal(lanes.ownedBy(nameOf(0)), 32)
  t.equal(lanes.rows.filter(({ epoch }) => epoch === '1').length, 32)
})

t.test('a relay that is not among the living yet counts itself', async t => {
  const { take } = planLanes(new Lanes(Array.from({ length: laneCount }, () => null)).rows, 'new', new Set(['old']))
  t.equal(take.length, 32)
})

t.test('two newcomers that look at the same time want different lanes', async t => {
  const rows = new Lanes(Array.from({ length: laneCount }, () => null)).rows
  const wanted = ['a', 'b'].map(me => planLanes(rows, me, new Set(['a', 'b'])).take.map(({ lane }) => lane))
  t.equal(new Set(wanted.flat()).size, laneCount)
})

function relay(renewals: number, incarnation = 'one') {
  return { name: 'a', incarnation, renewals: String(renewals), leaseMs: 1_000 }
}

t.test('a relay is dead only when its count has not moved for its whole lease while we watched', async t => {
  const watch = new RelayWatch()
  t.same([...watch.see([relay(5)], 50_000)], ['a'], 'a new watcher knows nothing yet')
  t.same([...watch.see([relay(5)], 50_999)], ['a'])
  t.same([...watch.see([relay(5)], 51_000)], [])
})

t.test('a renewal, or a new process under the name, begins the time anew', async t => {
  const watch = new RelayWatch()
  watch.see([relay(5)], 0)
  t.same([...watch.see([relay(6)], 1_500)], ['a'])
  t.same([...watch.see([relay(6)], 2_499)], ['a'])
  t.same([...watch.see([relay(6, 'two')], 2_500)], ['a'])
  t.same([...watch.see([relay(6, 'two')], 3_499)], ['a'])
  t.same([...watch.see([relay(6, 'two')], 3_500)], [])
})

t.test('a relay that went and came back is new', async t => {
  const watch = new RelayWatch()
  watch.see([relay(5)], 0)
  t.same([...watch.see([], 500)], [])
  t.same([...watch.see([relay(5)], 1_500)], ['a'])
})

t.test('however renewals and looks fall, who renews within the lease is never called dead', async () => {
  const gap = fc.nat({ max: 999 })
  fc.assert(
    fc.property(fc.array(fc.tuple(gap, fc.boolean()), { size: 'large' }), events => {
      const watch = new RelayWatch()
      let [now, renewedAt, renewals] = [0, 0, 0]
      return events.every(([gapMs, renews]) => {
        now += gapMs
        if (renews || now - renewedAt >= 1_000) [renewedAt, renewals] = [now, renewals + 1]
        return watch.see([relay(renewals)], now).has('a')
      })
    }),
  )
})
