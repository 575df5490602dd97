import fc from 'fast-check'
import t from 'tap'
import { byNumber, Heap } from '../../src/backlog/heap.ts'

t.test('items come in the order of their ranks, each once, unless they were cancelled', async () => {
  const item = fc.record({ rank: fc.nat({ max: 50 }), cancelled: fc.boolean() })
  fc.assert(
    fc.property(fc.array(item, { maxLength: 60, size: 'max' }), items => {
      const heap = new Heap<number, number>(byNumber)
      const entries = items.map(({ rank }, n) => heap.push(n, rank))
      entries.forEach((entry, n) => void (items[n]?.cancelled && heap.cancel(entry)))
      const expected = items.filter(({ cancelled }) => !cancelled).map(({ rank }) => rank)
      if (heap.size !== expected.length) return false
      const came: number[] = []
      for (let first = heap.first; first; first = heap.first) {
        came.push(first.rank)
        heap.cancel(first)
      }
      return heap.size === 0 && `${came}` === `${expected.sort(byNumber)}`
    }),
  )
})

t.test('a clean-up keeps what is alive', async t => {
  const heap = new Heap<number, number>(byNumber)
  const entries = Array.from({ length: 5_000 }, (_, n) => heap.push(n, n))
  for (const entry of entries) if (entry.rank % 10 !== 7) heap.cancel(entry)
  t.equal(heap.size, 500)
  for (let n = 7; n < 5_000; n += 10) {
    const first = heap.first
    t.equal(first?.rank, n)
    if (first) heap.cancel(first)
  }
  t.equal(heap.first, undefined)
})

t.test('an entry may be cancelled twice', async t => {
  const heap = new Heap<string, number>(byNumber)
  const entry = heap.push('a', 1)
  heap.push('b', 2)
  heap.cancel(entry)
  heap.cancel(entry)
  t.equal(heap.size, 1)
  t.equal(heap.first?.item, 'b')
})
