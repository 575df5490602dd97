import fc from 'fast-check'
import t from 'tap'
import { retryAfterMs } from '../../src/delivery/retry-after.ts'
import { maxRetryAfterMs } from '../../src/policy/tuning.ts'

const NOW = Date.parse('1994-11-06T08:49:00Z')

t.test('whole seconds', async t => {
  t.equal(retryAfterMs('0', NOW), 0)
  t.equal(retryAfterMs(' 120 ', NOW), 120_000)
})

t.test('a date in any of the three forms of RFC 9110, always GMT', async t => {
  t.equal(retryAfterMs('Sun, 06 Nov 1994 08:49:37 GMT', NOW), 37_000)
  t.equal(retryAfterMs('Sunday, 06-Nov-94 08:49:37 GMT', NOW), 37_000)
  t.equal(retryAfterMs('Sun Nov  6 08:49:37 1994', NOW), 37_000)
})

t.test('Retry-After is read with fractions, and where it came twice: the longest wait counts', async t => {
  t.equal(retryAfterMs('120.0', NOW), 120_000)
  t.equal(retryAfterMs('0.25', NOW), 250)
  t.equal(retryAfterMs('120, 120', NOW), 120_000)
  t.equal(retryAfterMs(['60', '120'], NOW), 120_000)
  t.equal(retryAfterMs('soon, 30', NOW), 30_000)
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT'
  for (const twice of [`${date}, ${date}`, `${date},Sunday, 06-Nov-94 08:49:37 GMT`, `12, ${date}`])
    t.equal(retryAfterMs(twice, NOW), 37_000, twice)
})

t.test('a date that has passed means now', async t => {
  t.equal(retryAfterMs('Sun, 06 Nov 1994 08:00:00 GMT', NOW), 0)
})

t.test('a wish without end is bounded', async t => {
  t.equal(retryAfterMs('9'.repeat(400), NOW), maxRetryAfterMs)
  t.equal(retryAfterMs('Fri, 31 Dec 9999 23:59:59 GMT', NOW), maxRetryAfterMs)
})

t.test('anything else is as good as none', async t => {
  t.equal(retryAfterMs(undefined, NOW), null)
  for (const junk of [
    '',
    '-5',
    '1.5.0',
    '1e3',
    ',',
    'soon, later',
    '2030-01-01',
    'soon',
    'Mon, 99 Foo 2024',
    'May 1',
    '0x10',
  ])
    t.equal(retryAfterMs(junk, NOW), null, junk)
})

t.test('whatever a receiver writes, the wait is null or between 0 and 30 days', async () => {
  const value = fc.oneof(
    fc.string(),
    fc.date({ noInvalidDate: true }).map(d => d.toUTCString()),
    fc.nat().map(String),
  )
  fc.assert(
    fc.property(value, text => {
      const wait = retryAfterMs(text, NOW)
      return wait === null || (wait >= 0 && wait <= maxRetryAfterMs)
    }),
  )
})
