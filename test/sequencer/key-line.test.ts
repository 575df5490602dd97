import fc from 'fast-check'
import t from 'tap'
import { KeyLine } from '../../src/sequencer/key-line.ts'
import { Origin } from '../../src/sequencer/origin.ts'
import { newRow, type Row } from '../../src/sequencer/row.ts'

const settings = { concurrency: 16, deadlineMs: 15_000, ratePerSecond: null, breaker: { failures: 0, pauseMs: 0 } }

function row(id: number): Row {
  const callback = { id: String(id), lane: 0, orderingKey: 'k', origin: 'http://a', dueInMs: 0, late: false }
  return newRow(callback, new Origin('http://a', settings, 0), undefined, 0)
}

t.test('the first is the one with the lowest id, in whatever order rows come and leave', async () => {
  const step = fc.record({ leaves: fc.boolean(), id: fc.nat({ max: 30 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), steps => {
      const line = new KeyLine('k')
      const rows = new Map<number, Row>()
      for (const { leaves, id } of steps) {
        const known = rows.get(id)
        if (known && leaves) {
          line.remove(known)
          rows.delete(id)
        } else if (!known) {
          rows.set(id, row(id))
          line.insert(rows.get(id) as Row)
        }
        if (line.size !== rows.size || line.first !== rows.get(Math.min(...rows.keys()))) return false
      }
      return true
    }),
    { numRuns: 1_000 },
  )
})

t.test('only the first may be sent, and not while another is on its way', async t => {
  const line = new KeyLine('k')
  const [first, second] = [row(1), row(2)]
  line.insert(second)
  t.ok(line.maySend(second))
  line.running = second
  line.insert(first)
  t.notOk(line.maySend(first))
  line.running = undefined
  t.ok(line.maySend(first))
  t.notOk(line.maySend(second))
})

t.test('a row that is not in the line cannot leave it', async t => {
  t.throws(() => new KeyLine('k').remove(row(7)), /callback 7 is not in the line of its key/)
})
