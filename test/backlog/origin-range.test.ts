import t from 'tap'
import { OriginRange } from '../../src/backlog/origin-range.ts'

const place = (id: number) => ({ dueUs: null, id: String(id) })

/** Where the next pull reads: from the first number to the second, or up to the tip. */
const next = ({ walk }: OriginRange) => walk && [Number(walk.after.id), walk.upTo && Number(walk.upTo.id)]

/** A pull that comes so far; null: to the end. */
function pull(range: OriginRange, reached: number | null, meanwhile: () => void = () => {}): void {
  const upTo = range.walk?.upTo ?? null
  range.sent()
  meanwhile()
  range.pulled(reached === null ? (upTo ?? place(0)) : place(reached), reached === null && upTo === null)
}

t.test('rows that were passed over are read, and no entry after them', async t => {
  const range = new OriginRange('fresh')
  t.equal(next(range), null)
  for (const id of [50, 70, 60]) range.passOver(place(id))
  t.same(next(range), [49, 70])
  pull(range, 55)
  t.same(next(range), [55, 70])
  range.passOver(place(65))
  pull(range, null)
  t.equal(next(range), null, 'the walk has read 65 as well')
})

t.test('what is passed over behind a walk, after its end, or while a pull is out, is the next walk', async t => {
  for (const [id, whileOut] of [
    [40, false],
    [90, false],
    [60, true],
  ] as const) {
    const range = new OriginRange('fresh')
    for (const each of [50, 70]) range.passOver(place(each))
    const meanwhile = () => range.passOver(place(id))
    pull(range, 55, whileOut ? meanwhile : undefined)
    if (!whileOut) meanwhile()
    t.same(next(range), [55, 70])
    pull(range, null)
    t.same(next(range), whileOut ? null : [id - 1, id], `${id}`)
  }
})

t.test('a rewind reads again what the walk has read, and not what it will read', async t => {
  const range = new OriginRange('fresh')
  range.rewind()
  t.same(next(range), [0, null])
  pull(range, 5_000)
  range.rewind()
  t.same(next(range), [5_000, null])
  pull(range, null)
  t.same(next(range), [0, 5_000])
  pull(range, 1_000)
  range.passOver(place(9_000))
  pull(range, null)
  t.same(next(range), [8_999, 9_000], 'nothing between')
})

t.test('a rewind while a pull is out reads all: the snapshot of that pull may be older', async t => {
  const range = new OriginRange('fresh')
  range.rewind()
  pull(range, 5_000, () => range.rewind())
  pull(range, null)
  t.same(next(range), [0, null])
})

t.test('a rewind that nobody has asked for waits while a walk goes up to the tip', async t => {
  const range = new OriginRange('fresh')
  range.rewind(false)
  pull(range, 5_000)
  range.rewind(false)
  t.same(next(range), [5_000, null])
  pull(range, null)
  t.equal(next(range), null)
  range.passOver(place(50))
  pull(range, 10)
  range.rewind(false)
  pull(range, null)
  t.same(next(range), [0, null])
})

t.test('a rewind in a walk over some rows reads all', async t => {
  const range = new OriginRange('fresh')
  range.passOver(place(50))
  pull(range, 10)
  range.rewind()
  pull(range, null)
  t.same(next(range), [0, null])
})
