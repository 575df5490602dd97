import pg from 'pg'
import t from 'tap'
import { DefectError, SchemaError, StandbyError, UsageError } from '../../src/errors.ts'
import type { Log } from '../../src/log/log.ts'
import { isLasting, Outage } from '../../src/relay/outage.ts'
import { silentLog } from '../fixtures/silent-log.ts'

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const answered = (code: string) => Object.assign(new pg.DatabaseError('refused', 7, 'error'), { code })
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

t.test('each new reason is said at once, the same one once a minute', async t => {
  const { outage, lines, clock } = staged()
  const reasons = ['28P01', '25006', '54000', '42501', 'P0001', '22P02']
  await outage.wait(refused, running)
  for (const code of reasons) for (let n = 0; n < 3; n++) await outage.wait(answered(code), running)
  const first = ['warn database_away', 'error database_refuses', 'warn database_away']
  t.same(lines, [...first, ...Array(4).fill('error database_refuses')])
  lines.length = 0
  clock.now += 60_000
  await outage.wait(answered('42501'), running)
  t.same(lines, ['error database_refuses'])
})

t.test('reasons that differ in numbers alone are one, and there is an end to how many are said', async t => {
  const { outage, lines } = staged()
  for (let port = 1; port < 5; port++) await outage.wait(new Error(`refused by process ${port}`), running)
  t.equal(lines.length, 1)
  for (let n = 0; n < 30; n++) await outage.wait(new Error(`because ${String.fromCharCode(n + 60)}`), running)
  t.equal(lines.length, 10)
})

t.test('what refuses is not tried hundreds of times a minute', async t => {
  const { outage, waits, clock } = staged()
  const end = clock.now + 3_600_000
  while (clock.now < end) await outage.wait(answered('42501'), running)
  t.ok(waits.length < 3_600_000 / 5_000 + 20, `${waits.length} tries in an hour`)
})

t.test('what no wait can cure is told from what an operator will', async t => {
  const lasting = [
    new TypeError('x is not a function'),
    new DefectError('here', new Error('why')),
    new SchemaError('gone'),
    new UsageError('ringback run', ['wrong'], 'more'),
  ]
  for (const error of lasting) t.ok(isLasting(error), error.message)
  const passing = [
    refused,
    new StandbyError('in recovery'),
    ...['28P01', '25006', '54000', '42501', 'P0001'].map(answered),
  ]
  for (const error of passing) t.notOk(isLasting(error), error.message)
})

t.test('what will not pass by itself is an error, and said as such', async t => {
  const { outage, lines } = staged()
  await outage.wait(answered('28P01'), running)
  t.same(lines, ['error database_refuses'])
})

t.test('stopping ends a wait', async t => {
  await t.resolves(new Outage(silentLog).wait(refused, AbortSignal.abort()))
})
