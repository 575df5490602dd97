import t from 'tap'
import { Gap } from '../../src/relay/gap.ts'

t.test('it grows to hold all that was jumped over, is read from the front, and closes', async t => {
  const gap = new Gap()
  t.notOk(gap.isOpen)
  t.throws(() => gap.from, /there is none/)
  gap.open('90', '200')
  gap.open('150', '1000')
  t.same([gap.from, gap.to], ['90', '1000'])
  gap.advance('500')
  t.same([gap.from, gap.to], ['500', '1000'])
  gap.open('100', '300')
  t.same([gap.from, gap.to], ['100', '1000'], 'what is before it is read again')
  gap.close()
  t.notOk(gap.isOpen)
  gap.open('5', '6')
  t.same([gap.from, gap.to], ['5', '6'])
})
