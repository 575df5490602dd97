import fc from 'fast-check'
import t from 'tap'
import { agreedDigest, type Member, ownerOf, sharesOf } from '../../src/membership/division.ts'

const origins = Array.from({ length: 4_000 }, (_, n) => `https://receiver-${n}.test`)

function member(node: string, fields: Partial<Member> = {}): Member {
  const { digest = 'a' } = fields
  return { node, isAble: true, digest, wanted: digest, startedAtMs: 0, forces: false, ...fields }
}

function members(count: number, fields: Partial<Member> = {}): Member[] {
  return Array.from({ length: count }, (_, n) => member(`00000000-0000-4000-8000-00000000000${n}`, fields))
}

/** The owner of each of the origins. */
function owners(living: readonly Member[]): (string | undefined)[] {
  const shares = sharesOf(living)
  return origins.map(origin => ownerOf(origin, shares))
}

/** How many there are of each. */
function counts<T>(items: readonly T[]): Map<T, number> {
  const found = new Map<T, number>()
  for (const item of items) found.set(item, (found.get(item) ?? 0) + 1)
  return found
}

t.test('each relay gets its part of the origins, whatever their number', async t => {
  for (const count of [1, 2, 3, 5, 8]) {
    const found = counts(owners(members(count)))
    t.equal(found.size, count)
    for (const part of found.values())
      t.ok(Math.abs(part - origins.length / count) < 0.15 * (origins.length / count), `${part} of ${count}`)
  }
})

t.test('origins that differ in little are spread as well', async t => {
  const shares = sharesOf(members(2))
  const hosts = Array.from({ length: 20 }, (_, n) => `http://localhost:${8_000 + n}`)
  const [least = 0] = [...counts(hosts.map(origin => ownerOf(origin, shares))).values()].sort((a, b) => a - b)
  t.ok(least >= 5, `${least} of 20`)
})

t.test('who goes gives its own origins away, and nobody else moves one; who comes takes its part only', async t => {
  const all = members(4)
  const before = owners(all)
  const [gone] = all
  const after = owners(all.slice(1))
  for (const [n, owner] of before.entries()) if (owner !== gone?.node && owner !== after[n]) t.fail(String(origins[n]))
  const moved = after.filter((owner, n) => owner !== before[n])
  t.equal(new Set(moved).size, 3, 'all others get of it')
  t.equal(moved.length, counts(before).get(gone?.node))
})

t.test('all relays that see the same members agree, in whatever order they see them', async () => {
  const some = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 6 })
  const order = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }))
  fc.assert(
    fc.property(some, order, fc.webUrl(), (nodes, stream, origin) => {
      const living = nodes.map(node => member(node))
      const random = [...stream.take(nodes.length)]
      const shuffled = living
        .map((each, n) => ({ each, by: random[n] ?? 0 }))
        .sort((a, b) => a.by - b.by)
        .map(({ each }) => each)
      const owner = ownerOf(origin, sharesOf(living))
      return owner !== undefined && nodes.includes(owner) && ownerOf(origin, sharesOf(shuffled)) === owner
    }),
  )
})

t.test('nodes of one weight: the name decides, so that all agree', async t => {
  const shares = new Map([
    ['b', 7],
    ['c', 7],
    ['a', 7],
  ])
  t.equal(ownerOf('http://x', shares), 'c')
  t.equal(ownerOf('http://x', new Map([...shares].reverse())), 'c')
})

t.test('nobody is there: nobody owns anything', async t => {
  t.equal(ownerOf('http://x', new Map()), undefined)
  t.throws(() => sharesOf([]), /there is no relay, not even this one/)
})

t.test('those that are able to serve share the origins; where nobody is, all', async t => {
  const [first, second, third] = [member('1'), member('2', { isAble: false }), member('3')]
  t.same([...sharesOf([first, second, third]).keys()], ['1', '3'])
  const none = [first, second, third].map(each => ({ ...each, isAble: false }))
  t.same([...sharesOf(none).keys()], ['1', '2', '3'])
})

t.test('the settings of most relays hold; of as many, those of the relay that was started first', async t => {
  const a = members(2, { digest: 'a', startedAtMs: 50 })
  const b = member('b', { digest: 'b', startedAtMs: 0 })
  t.equal(agreedDigest([...a, b]), 'a', 'though the other is the eldest')
  t.notOk(sharesOf([...a, b]).has('b'))
  const second = member('b2', { digest: 'b', startedAtMs: 60 })
  t.equal(agreedDigest([...a, b, second]), 'b')
  t.equal(agreedDigest([second, b, ...a]), 'b')
})

t.test('what most want holds; of as many, what more go by, and one that leaves has no say', async t => {
  const [one, two, three] = ['1', '2', '3'].map(node => member(node)) as [Member, Member, Member]
  const wants = (each: Member): Member => ({ ...each, wanted: 'b' })
  t.equal(agreedDigest([wants(one), two, three]), 'a')
  t.same([...sharesOf([wants(one), two, three]).keys()], ['1', '2', '3'], 'it goes on by the old ones')
  t.equal(agreedDigest([wants(one), two]), 'a', 'though the one that wants others may be the eldest')
  t.equal(agreedDigest([wants(one), wants(two), three]), 'b')
  t.same([...sharesOf([wants(one), wants(two), three]).keys()], ['1', '2'])
  t.equal(agreedDigest([member('4', { digest: 'b' }), { ...one, wanted: null }]), 'b')
  t.equal(agreedDigest([{ ...one, wanted: null }]), 'a', 'all leave')
})

t.test('one that forces its settings counts as most; of several the one that was started last', async t => {
  const most = members(3, { digest: 'a', startedAtMs: 0 })
  const forcing = member('b', { digest: 'b', startedAtMs: 5, forces: true })
  t.equal(agreedDigest([...most, forcing]), 'b')
  t.same([...sharesOf([...most, forcing]).keys()], ['b'])
  t.equal(agreedDigest([member('c', { digest: 'c', startedAtMs: 9, forces: true }), ...most, forcing]), 'c')
})

t.test('one whose settings are not those of most gets nothing, though nobody else serves', async t => {
  const a = members(2, { isAble: false })
  t.same(
    [...sharesOf([...a, member('b', { digest: 'b' })]).keys()],
    a.map(({ node }) => node),
  )
})

t.test('a relay with several registrations counts once, and serves by the one that does', async t => {
  const former = member('1', { isAble: false, startedAtMs: 5 })
  const present = member('1', { startedAtMs: 5 })
  const other = member('2', { digest: 'b', startedAtMs: 0 })
  for (const own of [
    [former, present],
    [present, former],
  ]) {
    t.equal(agreedDigest([...own, other]), 'b', 'one and one: the eldest')
    t.same([...sharesOf([...own, { ...other, digest: 'a', wanted: 'a', isAble: false }]).keys()], ['1'])
  }
})
