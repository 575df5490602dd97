import t from 'tap'
import { Origin } from '../../src/sequencer/origin.ts'
import { newRow, type Row } from '../../src/sequencer/row.ts'

const settings = { concurrency: 16, deadlineMs: 15_000, ratePerSecond: null, breaker: { failures: 0, pauseMs: 0 } }

function row(origin: Origin, id: number, late: boolean): Row {
  const callback = { id: String(id), lane: 0, orderingKey: null, origin: origin.name, dueInMs: 0, late }
  return newRow(callback, origin, undefined, 0)
}

t.test('fresh rows first, every fourth start a late one; what there is when the other kind is missing', async t => {
  const origin = new Origin('http://a', settings, 0)
  const rows = Array.from({ length: 12 }, (_, n) => row(origin, n, n >= 6))
  for (const each of rows) origin.ready(each)
  const started: string[] = []
  for (let next = origin.next(); next; next = origin.next()) {
    origin.unready(next)
    origin.started(0)
    started.push(next.callback.id)
  }
  t.same(started, ['0', '1', '2', '6', '3', '4', '5', '7', '8', '9', '10', '11'])
  t.notOk(origin.wantsTurn)
})

t.test('an origin drains as quickly as it did the last time it was asked; a new one is believed to', async t => {
  const origin = new Origin('http://a', settings, 0)
  origin.rows = 1_000
  t.ok(origin.drainsWithin(15_000, 4_999))
  for (let n = 0; n < 100; n++) {
    origin.started(0)
    origin.ended()
  }
  t.notOk(origin.drainsWithin(15_000, 5_000), '100 in 5 s are too few')
  t.notOk(origin.drainsWithin(15_000, 6_000), 'which holds until the next 5 s are over')
  origin.rows = 100
  t.ok(origin.drainsWithin(15_000, 6_000), 'but fewer rows are worked off in time')
  t.notOk(origin.drainsWithin(15_000, 10_000), 'unless it has stopped since')
})

t.test('an origin with few rows an hour is not slow when a flood comes', async t => {
  const origin = new Origin('http://a', settings, 0)
  for (let n = 0; n < 10; n++) {
    origin.started(0)
    origin.ended()
  }
  origin.rows = 10_000
  t.ok(origin.drainsWithin(15_000, 3_600_000), 'nobody knows how fast it is')
  t.notOk(origin.drainsWithin(15_000, 3_605_000), 'it had five seconds to show')
})
