import t from 'tap'
import { Reuse } from '../../src/delivery/reuse.ts'

t.test('reuse is lost for the given time, by the origin concerned alone', async t => {
  let now = 0
  const reuse = new Reuse(1_000, () => now)
  t.ok(reuse.allowed('http://a'))
  reuse.lose('http://a')
  t.notOk(reuse.allowed('http://a'))
  t.ok(reuse.allowed('http://b'))
  now = 999
  t.notOk(reuse.allowed('http://a'))
  now = 1_000
  t.ok(reuse.allowed('http://a'))
})

t.test('a second loss begins the time anew', async t => {
  let now = 0
  const reuse = new Reuse(1_000, () => now)
  reuse.lose('http://a')
  now = 900
  reuse.lose('http://a')
  now = 1_500
  t.notOk(reuse.allowed('http://a'))
})

t.test('at most 10,000 origins are remembered; the oldest gives way', async t => {
  const reuse = new Reuse(1_000, () => 0)
  for (let n = 0; n <= 10_000; n++) reuse.lose(`http://${n}`)
  t.ok(reuse.allowed('http://0'))
  t.notOk(reuse.allowed('http://1'))
  t.notOk(reuse.allowed('http://10000'))
})
