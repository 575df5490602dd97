import fc from 'fast-check'
import t from 'tap'
import { Alarms } from '../../src/sequencer/alarms.ts'
import { Origin } from '../../src/sequencer/origin.ts'
import { newRow, type Row } from '../../src/sequencer/row.ts'

function row(id: number, dueInMs: number): Row {
  const callback = { id: String(id), lane: 0, orderingKey: null, origin: 'http://a', dueInMs, late: false }
  return newRow(callback, new Origin('http://a', 0), undefined, 0)
}

t.test('rows ring in the order of their times, each once, unless they were cancelled', async () => {
  const waiting = fc.record({ dueInMs: fc.nat({ max: 50 }), cancelled: fc.boolean() })
  fc.assert(
    fc.property(fc.array(waiting, { maxLength: 60, size: 'max' }), waits => {
      const alarms = new Alarms()
      const rows = waits.map(({ dueInMs }, n) => row(n, dueInMs))
      for (const each of rows) alarms.set(each)
      rows.forEach((each, n) => void (waits[n]?.cancelled && alarms.cancel(each)))
      const expected = waits.filter(({ cancelled }) => !cancelled).map(({ dueInMs }) => dueInMs)
      const rung: number[] = []
      for (let at = alarms.nextAt(); at !== undefined; at = alarms.nextAt()) {
        if (alarms.shift(at - 1) !== undefined) return false
        rung.push(alarms.shift(at)?.dueAt ?? -1)
      }
      return `${rung}` === `${expected.sort((a, b) => a - b)}`
    }),
  )
})

t.test('a clean-up keeps what is alive', async t => {
  const alarms = new Alarms()
  const rows = Array.from({ length: 5_000 }, (_, n) => row(n, n))
  for (const each of rows) alarms.set(each)
  for (const each of rows) if (Number(each.callback.id) % 10 !== 7) alarms.cancel(each)
  for (let n = 7; n < 5_000; n += 10) t.equal(alarms.shift(5_000)?.dueAt, n)
  t.equal(alarms.nextAt(), undefined)
})

t.test('an alarm may be cancelled twice, and set again', async t => {
  const alarms = new Alarms()
  const each = row(1, 10)
  alarms.cancel(each)
  alarms.set(each)
  alarms.cancel(each)
  alarms.cancel(each)
  each.dueAt = 5
  alarms.set(each)
  t.equal(alarms.shift(9), each)
  t.equal(alarms.nextAt(), undefined)
})
