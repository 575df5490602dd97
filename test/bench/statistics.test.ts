import t from 'tap'
import { median, percentile, spread } from './statistics.ts'

t.test('the median of odd, even and single counts, whatever their order', async t => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.equal(median([7]), 7)
  t.equal(median([10, 9]), 9.5, 'by number, not by text')
  t.throws(() => median([]), /No values/)
})

t.test('percentiles lie between the nearest values', async t => {
  const hundred = Array.from({ length: 101 }, (_, n) => n)
  t.equal(percentile(hundred, 0), 0)
  t.equal(percentile(hundred, 99), 99)
  t.equal(percentile(hundred, 100), 100)
  t.equal(percentile([0, 10], 99), 9.9)
})

t.test('the values given stay as they are', async t => {
  const given = [3, 1, 2]
  t.same(spread(given), { median: 2, min: 1, max: 3 })
  t.same(given, [3, 1, 2])
})
