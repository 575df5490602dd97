import t from 'tap'
import { Origin } from '../../src/sequencer/origin.ts'
import { newRow, type RowState } from '../../src/sequencer/row.ts'
import { surplusOf } from '../../src/sequencer/surplus.ts'

const settings = { concurrency: 16, deadlineMs: 15_000, ratePerSecond: null, breaker: { failures: 0, pauseMs: 0 } }

function row(origin: Origin, id: number, state: RowState) {
  const callback = { id: String(id), lane: 0, orderingKey: null, origin: origin.name, dueInMs: 0, late: false }
  origin.rows += 1
  return Object.assign(newRow(callback, origin, undefined, 0), { state })
}

t.test('of slow origins, what neither waits for its time nor is under way: blocked first, then the newest', async t => {
  const [slow, quick] = [new Origin('http://slow', settings, 0), new Origin('http://quick', settings, 0)]
  const states: RowState[] = ['ready', 'ready', 'blocked', 'blocked', 'waiting', 'running', 'recording']
  const rows = states.flatMap((state, n) => [row(slow, 8 + n, state), row(quick, 50 + n, state)])
  for (let n = 0; n < 7; n++) {
    quick.started(0)
    quick.ended()
  }
  const surplus = surplusOf(rows, [slow, quick], 15_000, 5_000)
  t.same(
    surplus.map(({ callback }) => callback.id),
    ['11', '10', '9', '8'],
  )
})
