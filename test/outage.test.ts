import pg from 'pg'
import t from 'tap'
import type { Log } from '../src/observe/log.ts'
import { Outage } from '../src/outage.ts'
import { silentLog } from './fixtures/silent-log.ts'

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const running = new AbortController().signal

function staged() {
  const lines: string[] = []
  const waits: number[] = []
  const clock = { now: 0 }
  const at = (level: string) => (event: string) => void lines.push(`${level} ${event}`)
  const [debug, info, warn, error] = [at('debug'), at('info'), at('warn'), at('error')]
  const log: Log = { trace: debug, debug, info, warn, error, fatal: error, writes: () => true }
  const time = {
    now: () => clock.now,
    sleep: async (ms: number) => {
      waits.push(ms)
      clock.now += ms
    },
  }
  return { outage: new Outage(log, time), lines, waits, clock }
}

t.test('an outage of an hour is a line a minute and one when it is over, however often it was tried', async t => {
  const { outage, lines, waits, clock } = staged()
  outage.over()
  t.ok(outage.hasServed)
  clock.now += 100_000
  const end = clock.now + 3_600_000
  while (clock.now < end) await outage.wait(refused, running)
  outage.over()
  t.ok(waits.length > 3_000)
  t.equal(lines.filter(line => line === 'warn database_away').length, 60)
  t.same(
    lines.filter(line => line !== 'warn database_away'),
    ['info database_back'],
  )
})

t.test('the waits double from 50 ms to a second, half of each at random', async t => {
  const { outage, waits } = staged()
  for (let n = 0; n < 8; n++) await outage.wait(refused, running)
  const full = [50, 100, 200, 400, 800, 1_000, 1_000, 1_000]
  t.ok(
    full.every((ms, n) => (waits[n] ?? 0) >= ms / 2 && (waits[n] ?? 0) <= ms),
    `${waits}`,
  )
})

t.test('after a steady time it begins anew: said at once, tried again at once', async t => {
  const { outage, lines, waits, clock } = staged()
  for (let n = 0; n < 8; n++) await outage.wait(refused, running)
  outage.over()
  clock.now += 10_001
  await outage.wait(refused, running)
  t.same(lines, ['warn database_away', 'info database_back', 'warn database_away'])
  t.ok((waits.at(-1) ?? 0) <= 50)
})

t.test('connections that come and fail for an hour are not more lines than that, nor a storm', async t => {
  const { outage, lines, waits, clock } = staged()
  const end = clock.now + 3_600_000
  while (clock.now < end) {
    await outage.wait(refused, running)
    outage.over()
    clock.now += 1_000
  }
  t.ok(lines.length <= 120, `${lines.length} lines`)
  t.ok(waits.slice(10).every(ms => ms >= 500))
})

t.test('before the relay has worked once, it says so and has not served', async t => {
  const { outage, lines } = staged()
  t.notOk(outage.hasServed)
  await outage.wait(refused, running)
  t.same(lines, ['warn database_away'])
})

t.test('what will not pass by itself is an error, and said as such', async t => {
  const { outage, lines } = staged()
  await outage.wait(Object.assign(new pg.DatabaseError('password', 8, 'error'), { code: '28P01' }), running)
  t.same(lines, ['error database_refuses'])
})

t.test('stopping ends a wait', async t => {
  await t.resolves(new Outage(silentLog).wait(refused, AbortSignal.abort()))
})
