import pg from 'pg'
import t from 'tap'
import type { Session } from '../../src/outbox/session.ts'
import { summaryMs } from '../../src/policy/tuning.ts'
import { Background } from '../../src/relay/background.ts'
import { Surveyor, Tally } from '../../src/relay/surveyor.ts'
import { recordingLog } from '../fixtures/recording-log.ts'

const row = { due: 2, later: 3, claimed: 1, dead: 9, holds: 0, oldestWaitingSeconds: 7.5, living: 1, serving: 1 }

function surveyor({ rows = async () => [row] as unknown[], summaryAgoMs = summaryMs } = {}) {
  const { log, lines } = recordingLog()
  const tally = new Tally()
  const surveys: unknown[] = []
  const session = { rows } as unknown as Session
  const one = new Surveyor({
    session,
    background: new Background(session, log),
    epoch: () => '1',
    log,
    tally,
    failing: () => 4,
    everyMs: 15_000,
    clock: { summaryAt: performance.now() - summaryAgoMs },
    surveyed: survey => surveys.push(survey),
  })
  return { one, lines, tally, surveys }
}

const outcome = (kind: 'delivered' | 'failed' | 'unknown' | 'not_sent' | 'rejected') => ({
  kind,
  httpStatus: null,
  error: null,
  responseExcerpt: null,
  retryAfterMs: null,
  startedAtMs: 0,
  finishedAtMs: 0,
})
const pending = { status: 'pending', retryInMs: 1, reason: 'x' } as const

t.test('once a minute: what was done since, and what waits', async t => {
  const { one, lines, tally, surveys } = surveyor()
  tally.attempted(outcome('delivered'), { status: 'delivered' })
  tally.attempted(outcome('failed'), pending)
  tally.attempted(outcome('not_sent'), pending)
  tally.attempted(outcome('unknown'), pending)
  tally.attempted(outcome('rejected'), { status: 'dead', reason: 'x' })
  tally.ended(2)
  await one.step()
  const fields = { delivered: 1, failed: 3, unknown: 1, dead: 3, failing: 4, waiting: 6, oldest_ms: 7_500 }
  t.same(lines, [{ level: 'info', event: 'summary', fields }])
  await one.step()
  t.equal(lines.length, 1, 'a minute has not passed')
  t.equal(surveys.length, 2)
  t.same(tally.take(), { delivered: 0, dead: 0, failed: 0, unknown: 0 })
})

t.test('a survey that PostgreSQL cancels rests, and says so', async t => {
  const slow = Object.assign(new pg.DatabaseError('too long', 0, 'error'), { code: '57014' })
  const { one, lines } = surveyor({ rows: () => Promise.reject(slow) })
  await one.step()
  t.match(lines, [{ level: 'warn', event: 'background_cancelled', fields: { work: 'survey' } }])
})

t.test('a survey that PostgreSQL refuses is left out, and says so; a lost session ends it', async t => {
  const refused = Object.assign(new pg.DatabaseError('denied', 0, 'error'), { code: '42501' })
  const { one, lines } = surveyor({ rows: () => Promise.reject(refused) })
  await one.step()
  t.match(lines, [{ level: 'error', event: 'background_refused', fields: { work: 'survey' } }])
  t.ok(one.nextAt > performance.now() + 10_000, 'until the next one')
  await t.rejects(surveyor({ rows: () => Promise.reject(new Error('gone')) }).one.step(), { message: 'gone' })
})
