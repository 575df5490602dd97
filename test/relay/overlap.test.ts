import fc from 'fast-check'
import t from 'tap'
import { Overlap } from '../../src/relay/overlap.ts'

t.test('the first read begins at the start', async t => {
  const overlap = new Overlap(0, { ms: 500, rows: 100 })
  t.equal(overlap.from(0), 0)
  t.equal(overlap.reached, 0)
})

t.test('a read begins where it was half a second ago', async t => {
  const overlap = new Overlap(0, { ms: 500, rows: 100 })
  overlap.advance(10, 10, 0)
  overlap.advance(20, 10, 300)
  t.equal(overlap.from(500), 0)
  t.equal(overlap.from(501), 10)
  t.equal(overlap.from(801), 20)
})

t.test('but no more rows than that are read again', async t => {
  const overlap = new Overlap(0, { ms: 500, rows: 100 })
  overlap.advance(60, 60, 0)
  overlap.advance(120, 60, 1)
  t.equal(overlap.from(2), 60)
  overlap.advance(1_120, 1_000, 3)
  t.equal(overlap.from(4), 1_120)
})

t.test('after a restart everything is read again', async t => {
  const overlap = new Overlap(0, { ms: 500, rows: 100 })
  overlap.advance(10, 10, 0)
  overlap.restart()
  t.equal(overlap.reached, 0)
  t.equal(overlap.from(0), 0)
})

t.test('whatever was passed within the time is read again, as far as the rows allow; never more', async () => {
  const read = fc.record({ rows: fc.integer({ min: 1, max: 60 }), pauseMs: fc.nat({ max: 300 }) })
  fc.assert(
    fc.property(fc.array(read, { maxLength: 40, size: 'max' }), fc.nat({ max: 700 }), (reads, restMs) => {
      const overlap = new Overlap(0, { ms: 500, rows: 100 })
      const passed: { readonly from: number; readonly at: number }[] = []
      let now = 0
      for (const { rows, pauseMs } of reads) {
        now += pauseMs
        passed.push({ from: overlap.reached, at: now })
        overlap.advance(overlap.reached + rows, rows, now)
      }
      now += restMs
      const allowed = passed.filter(({ from, at }) => now - at <= 500 && overlap.reached - from <= 100)
      return overlap.from(now) === Math.min(overlap.reached, ...allowed.map(({ from }) => from))
    }),
  )
})
