import pg from 'pg'
import t, { type Test } from 'tap'
import type { Session } from '../../src/outbox/session.ts'
import { cancelledPause, carefulMs } from '../../src/policy/tuning.ts'
import { Background } from '../../src/relay/background.ts'
import { mockClock } from '../fixtures/mock-clock.ts'
import { silentLog } from '../fixtures/silent-log.ts'
import { Stage } from '../fixtures/stage.ts'

function refusal(code: string): Error {
  return Object.assign(new pg.DatabaseError('canceling statement', 1, 'error'), { code })
}

/** Background work of a session that only takes limits of its statements, and a clock that a test moves. */
function staged(t: Test) {
  const clock = mockClock(t)
  const limits: string[] = []
  const warned: unknown[] = []
  const rows = async (_: unknown, [time]: [string]) => {
    limits.push(time)
    return [{ usual: '15s' }]
  }
  const log = {
    ...silentLog,
    warn: (event: string, { work }: Readonly<Record<string, unknown>> = {}) => warned.push([event, work]),
    error: (event: string, { work }: Readonly<Record<string, unknown>> = {}) => warned.push([event, work]),
  }
  const background = new Background({ rows } as unknown as Session, log)
  const cancelled = (code = '57014') => background.run('sweep', () => Promise.reject(refusal(code)))
  const done = () => background.run('sweep', async () => true)
  return { clock, limits, warned, background, cancelled, done }
}

t.test('work that PostgreSQL cancels rests, longer each time, and says so; other work goes on', async t => {
  const { clock, warned, background, cancelled, done } = staged(t)
  for (let restMs = cancelledPause.baseMs; restMs < 8 * cancelledPause.baseMs; restMs *= 2) {
    t.notOk(await cancelled())
    t.equal(background.after('sweep', 0), clock.now + restMs)
    clock.now += restMs - 1
    t.notOk(await done())
    t.ok(await background.run('orphans', async () => true))
    t.equal(background.after('orphans', 0), 0)
    clock.now += 1
  }
  t.ok(await done())
  t.same(warned, new Array(3).fill(['background_cancelled', 'sweep']))
})

t.test('a wait for a lock that has ended is such a cancel; a lost session, or a full disk, is not', async t => {
  const { cancelled } = staged(t)
  t.notOk(await cancelled('55P03'))
  for (const code of ['57P01', '53100']) {
    const { cancelled } = staged(t)
    await t.rejects(cancelled(code), { code })
  }
})

t.test('work that PostgreSQL refuses rests as well, longer each time, and is not limited after that', async t => {
  const { clock, limits, warned, background, cancelled, done } = staged(t)
  for (const code of ['42501', 'P0001']) {
    t.notOk(await cancelled(code))
    t.notOk(await done())
    t.ok(await background.run('orphans', async () => true))
    clock.now = background.after('sweep', 0)
  }
  t.equal(await done(), true)
  t.same(warned, new Array(2).fill(['background_refused', 'sweep']))
  t.same(limits, [])
})

t.test('after a cancel its statements may take a second, until there was none for a while', async t => {
  const { clock, limits, cancelled, done } = staged(t)
  await done()
  await cancelled()
  t.same(limits, [])
  clock.now += cancelledPause.baseMs
  await done()
  t.same(limits, ['1000ms', '15s'])
  clock.now += carefulMs
  await done()
  t.equal(limits.length, 2)
})

t.test('the limit holds for that work alone', async t => {
  const stage = await Stage.withSession(t)
  const { session } = stage
  const background = new Background(session, silentLog)
  const timeout = async () => {
    const { rows } = await session.query({ text: 'show statement_timeout' })
    return rows[0]?.statement_timeout
  }
  const usual = await timeout()
  const within: unknown[] = []
  await background.run('sweep', () => Promise.reject(refusal('57014')))
  const clock = mockClock(t, performance.now() + cancelledPause.baseMs)
  await background.run('sweep', async () => {
    within.push(await timeout())
    await session.query({ text: 'select pg_sleep(60)' })
    return true
  })
  t.same(within, ['1s'])
  t.ok(background.after('sweep', 0) > clock.now, 'it was cancelled')
  t.equal(await timeout(), usual)
})
