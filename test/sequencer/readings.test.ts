import t from 'tap'
import { Readings } from '../../src/sequencer/readings.ts'

t.test('a reading knows what left between its beginning and its end, and no more', async t => {
  const readings = new Readings()
  readings.hasLeft('1')
  const first = readings.begin()
  readings.hasLeft('2')
  const second = readings.begin()
  readings.hasLeft('3')
  readings.end(first)
  readings.hasLeft('4')
  t.same([...first.left], ['2', '3'])
  t.same([...second.left], ['3', '4'])
})
