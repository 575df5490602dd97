import t from 'tap'
import type { OriginSign } from '../../src/model.ts'
import { watchedOrigins } from '../../src/policy/tuning.ts'
import { OriginWatch } from '../../src/relay/origin-watch.ts'
import { recordingLog } from '../fixtures/recording-log.ts'

function watched() {
  const { log, lines } = recordingLog()
  const watch = new OriginWatch(log)
  const see = (receiver: OriginSign['receiver'], at: number, origin = 'https://a.test') =>
    watch.see(
      origin,
      { receiver, isOfConnection: false, restMs: 0, startedAtMs: at, finishedAtMs: at },
      { error: receiver === 'alive' ? null : `failure at ${at}` },
      1_000_000 + at,
    )
  return { watch, lines, see, names: () => lines.map(({ event }) => event) }
}

t.test('ten failures in a row: said once, with the reason, and again when it answers', async t => {
  const { watch, lines, see, names } = watched()
  for (let at = 0; at < 9; at += 1) see(at % 2 === 0 ? 'failing' : 'silent', at)
  t.same(names(), [])
  t.notOk(watch.isFailing('https://a.test'))
  for (let at = 9; at < 20; at += 1) see('overloaded', at)
  t.match(lines, [
    {
      level: 'warn',
      event: 'origin_failing',
      fields: { origin: 'https://a.test', tries: 10, since_ms: 9, error: 'failure at 9' },
    },
  ])
  t.match(watch.failing, [{ origin: 'https://a.test', sinceMs: 1_000_000, failures: 20, reason: 'failure at 19' }])
  see('alive', 5_000)
  t.match(lines[1], { level: 'info', event: 'origin_well', fields: { tries: 20, away_ms: 5_000 } })
  t.same(watch.failing, [])
})

t.test('with little traffic three failures over half a minute are enough', async t => {
  const { see, names } = watched()
  for (const at of [0, 10_000, 29_999]) see('failing', at)
  t.same(names(), [])
  see('failing', 30_000)
  t.same(names(), ['origin_failing'])
})

t.test('two failures are never enough, an answer begins anew, and what the relay aborted is no failure', async t => {
  const { see, names } = watched()
  see('failing', 0)
  see('failing', 100_000)
  see(null, 100_001)
  t.same(names(), [])
  see('alive', 100_002)
  for (let at = 0; at < 9; at += 1) see('failing', 200_000 + at)
  t.same(names(), [])
})

t.test('an origin that another relay owns now is forgotten in silence', async t => {
  const { watch, see, names } = watched()
  for (let at = 0; at < 10; at += 1) see('failing', at)
  watch.keep(() => false)
  t.same(watch.failing, [])
  see('alive', 20)
  t.same(names(), ['origin_failing'])
})

t.test(
  '100,000 origins that fail once take no more memory than those that are remembered, and keep none of the failing',
  async t => {
    const { watch, see, names } = watched()
    for (let at = 0; at < 10; at += 1) see('failing', at)
    for (let n = 0; n < 100_000; n += 1) see('failing', n, `https://${n}.test`)
    t.ok(watch.isFailing('https://a.test'))
    const nineMore = (n: number) => {
      for (let time = 0; time < 9; time += 1) see('failing', 100_000, `https://${n}.test`)
    }
    t.same(names(), ['origin_failing'])
    nineMore(99_999)
    t.equal(names().length, 2, 'the newest is remembered')
    nineMore(100_000 - watchedOrigins)
    t.equal(names().length, 2, 'an older one than so many is not')
  },
)
