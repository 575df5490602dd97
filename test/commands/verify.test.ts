import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Verdict } from '../../src/verify/history.ts'
import { copyCsv } from '../fixtures/copy.ts'
import type { Arrival } from '../fixtures/receiver.ts'
import { ringback } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.set(t)
const folder = t.testdir({})
const answered = new Map<Arrival, number>()
stage.receiver.answer = arrival => {
  const status = arrival.path === '/fails-once' && arrival.headers['webhook-attempt'] === '1' ? 503 : 200
  answered.set(arrival, status)
  return status
}
const relay = await stage.relay()
await stage.insert({ n: 1, name: 'Ödön, "x"\n' }, { key: 'a', path: '/fails-once' })
await stage.insert({ n: 2, empty: '' }, { key: 'a' })
await stage.insert({ n: 9_007_199_254_740_993n.toString() }, { key: '' })
await stage.insert({ n: 4 }, { path: '/fails-once', max_attempts: 1 })
await stage.drained()
relay.kill()
await relay.exited

const books = {
  callbacks: await copyCsv(stage.client, 'select * from outbox.callback'),
  attempts: await copyCsv(stage.client, 'select * from outbox.attempt'),
  arrivals: stage.receiver.arrivals.map(line).join(''),
}

function line(arrival: Arrival): string {
  const { 'webhook-id': messageId, 'webhook-attempt': attempt } = arrival.headers
  const seen = { messageId, attempt: Number(attempt), at: arrival.at, answered: answered.get(arrival) }
  return `${JSON.stringify({ ...seen, body: arrival.body.toString() })}\n`
}

/** With some of the books changed. */
function verify(changed: Partial<typeof books> = {}, ...flags: string[]) {
  const paths = Object.entries({ ...books, ...changed }).map(([name, text]) => {
    const file = join(folder, name)
    writeFileSync(file, text)
    return `--${name}=${file}`
  })
  return ringback(['verify', ...paths, ...flags])
}

t.test('exports of a real run are found in order', async t => {
  t.same(await verify({}, '--drained'), {
    code: 0,
    out: [
      '4 callbacks, 5 attempts, 5 arrivals',
      'lost 0  phantom 0  inversion 0  unexplained 0  unrecorded 0  misrecorded 0  altered 0  stuck 0',
      '0 arrived again after they had been taken',
      'every promise was kept',
      '',
    ].join('\n'),
    err: '',
  })
})

t.test('what the receiver saw otherwise is named, with exit code 1', async t => {
  const [first = '', ...others] = books.arrivals.split('\n')
  const forged = { ...JSON.parse(first), body: 'n=2' }
  const { code, out } = await verify({ arrivals: [...others, JSON.stringify({ ...forged, attempt: 2 })].join('\n') })
  t.equal(code, 1)
  t.match(out, /^unexplained: callback 1 \([0-9a-f-]{36}\) arrived twice as attempt 2$/m)
  t.match(out, /^altered: callback 1 .* with "n=2"; written was "n=1&name=/m)
})

t.test('an arrival that nobody has written is a phantom; --json has all of it', async t => {
  const phantom = { messageId: 'nobody', attempt: 1, at: '2026-03-01T12:00:00Z' }
  const { code, out } = await verify({ arrivals: `${books.arrivals}${JSON.stringify(phantom)}\n` }, '--json')
  const verdict = JSON.parse(out) as Verdict
  t.equal(code, 1)
  t.match(verdict.violations, [{ kind: 'phantom', messageId: 'nobody', id: null }])
  t.equal(verdict.counts.phantom, 1)
})

t.test('a delivery that never arrived is a fault, unless the arrivals are one receiver of several', async t => {
  const arrivals = books.arrivals.replace(/.*"answered":200.*\n/, '')
  t.match(await verify({ arrivals }), { code: 1, out: /^misrecorded: callback \d .* never arrived$/m })
  t.match(await verify({ arrivals }, '--partial'), { code: 0 })
})

t.test('a line that a killed receiver has not finished is left out', async t => {
  t.match(await verify({ arrivals: `${books.arrivals}{"messageId": "x` }), { code: 0 })
})

t.test('what cannot be read is named, with its line, what was expected and what came', async t => {
  const cases: [Partial<typeof books>, RegExp][] = [
    [
      { arrivals: '{"messageId":"x","attempt":"1","at":1}\n' },
      /arrivals, line 1: "attempt": expected a whole number; got "1"/,
    ],
    [{ arrivals: `[]x\n${books.arrivals}` }, /arrivals, line 1: expected a JSON object; got \[\]x/],
    [{ attempts: 'message_id,attempt\nm,\n' }, /attempts: row 1, column attempt: expected a whole number; got null/],
    [{ attempts: 'message_id\nm\n' }, /attempts: row 1, column attempt: expected a column of this name; got none/],
    [
      { callbacks: books.callbacks.replace('delivered', 'done') },
      /callbacks: row 1, column status: expected pending, .*; got "done"/,
    ],
    [
      { callbacks: books.callbacks.replace(/\d{4}-\d\d-\d\d /, '1/3/2026 ') },
      /column created_at: expected a time like .*datestyle ISO.*; got "/,
    ],
  ]
  for (const [changed, expected] of cases) t.match(await verify(changed), { code: 1, out: '', err: expected })
  t.match(await ringback(['verify', '--arrivals=/nowhere/at-all']), {
    code: 2,
    err: /2 faults\n {2}--callbacks: expected the path of a file; got nothing\n {2}--attempts/,
  })
})
