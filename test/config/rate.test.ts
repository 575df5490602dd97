import t from 'tap'
import { ratePerSecond } from '../../src/config/rate.ts'

t.test('a rate is a whole number per second, minute or hour', async t => {
  t.equal(ratePerSecond('50/s'), 50)
  t.equal(ratePerSecond('30/m'), 0.5)
  t.equal(ratePerSecond('1/h'), 1 / 3_600)
  t.equal(ratePerSecond('999999/s'), 999_999)
})

t.test('anything else is none', async t => {
  const texts = [
    '',
    '50',
    '0/s',
    '-1/s',
    '1.5/s',
    '50/d',
    '50 / s',
    '50/S',
    '50/s ',
    '1e3/s',
    '1000000/s',
    '/s',
    '50/ms',
  ]
  for (const text of texts) t.equal(ratePerSecond(text), null, text)
})
