import t from 'tap'
import type { Log, LogFields } from '../../src/log/log.ts'
import { asciiReason, Refusals } from '../../src/relay/refusals.ts'

function staged() {
  const lines: { readonly event: string; readonly fields: LogFields | undefined }[] = []
  const note = (event: string, fields?: LogFields) => void lines.push({ event, fields })
  const log: Log = { trace: note, debug: note, info: note, warn: note, error: note, fatal: note, writes: () => true }
  return { lines, refusals: new Refusals(log, 'callback_refused') }
}

const error = new Error('not this one')

t.test('what is refused again and again rests for longer each time, up to a minute', async t => {
  const { refusals, lines } = staged()
  const rests = Array.from({ length: 9 }, () => refusals.refused('1', error, 0) / 1_000)
  t.same(rests, [1, 2, 4, 8, 16, 32, 60, 60, 60])
  t.equal(refusals.restMs('1', 20_000), 40_000)
  t.equal(refusals.restMs('1', 60_000), 0)
  t.equal(refusals.restMs('2', 0), 0)
  t.match(lines[2], { event: 'callback_refused', fields: { id: '1', tries: 3, retry_in_ms: 4_000, err: error } })
})

t.test('what was taken after all begins anew', async t => {
  const { refusals } = staged()
  refusals.refused('1', error, 0)
  refusals.refused('1', error, 0)
  refusals.passed('1')
  t.equal(refusals.restMs('1', 0), 0)
  t.equal(refusals.refused('1', error, 0), 1_000)
})

t.test('a trigger that refuses every row does not fill the log: sixty lines a minute', async t => {
  const { refusals, lines } = staged()
  for (let id = 0; id < 10_000; id += 1) refusals.refused(String(id), error, 0)
  t.equal(lines.length, 60)
  refusals.refused('more', error, 60_000)
  t.equal(lines.length, 61)
})

t.test('a reason can be written into a database of any encoding', async t => {
  t.equal(asciiReason(new Error('Ungültig: 失败\n')), 'Ung?ltig: ???')
  t.equal(asciiReason(new Error('x'.repeat(9_999))).length, 500)
})
