import pg from 'pg'
import t, { type Test } from 'tap'
import { idEnd } from '../../src/ids.ts'
import type { IndexPlace } from '../../src/model.ts'
import { isCancelled } from '../../src/outbox/database-errors.ts'
import type { Orphan } from '../../src/outbox/orphans.ts'
import type { Session, Statement } from '../../src/outbox/session.ts'
import type { RetryPolicy } from '../../src/policy/decision.ts'
import { choresMs, claimedPageEntries, orphansPauseMs } from '../../src/policy/tuning.ts'
import { Recorder } from '../../src/relay/recorder.ts'
import { orphaned, Recovery } from '../../src/relay/recovery.ts'
import { Refusals } from '../../src/relay/refusals.ts'
import { mockClock } from '../fixtures/mock-clock.ts'
import { silentLog } from '../fixtures/silent-log.ts'

const policy: RetryPolicy = {
  baseMs: 1_000,
  capMs: 60_000,
  retryAfterCapMs: 60_000,
  settingsOf: () => ({ maxAttempts: 3, unknown: 'resend' }),
}

function orphan(fields: Partial<Orphan> = {}): Orphan {
  return {
    id: '7',
    messageId: 'm',
    attempt: 2,
    epoch: '9',
    rev: 4,
    origin: 'http://a',
    attemptOfBudget: 2,
    maxAttempts: null,
    claimedMsAgo: 1_500,
    ...fields,
  }
}

t.test('what a relay that is gone had claimed may have arrived, and goes out again at once', async t => {
  const attempt = orphaned(orphan(), '10', policy, 5_000)
  t.match(attempt, { id: '7', messageId: 'm', attempt: 2, rev: 4, epoch: '9', writtenEpoch: '10' })
  t.match(attempt.outcome, { kind: 'unknown', httpStatus: null, startedAtMs: 3_500, finishedAtMs: 5_000 })
  t.match(attempt.outcome.error, /died before it recorded/)
  t.match(attempt.decision, { status: 'pending', retryInMs: 0 })
})

t.test('a row that brings relays down does not do so for ever', async t => {
  t.match(orphaned(orphan({ attempt: 9, attemptOfBudget: 3 }), '10', policy, 0).decision, {
    status: 'dead',
    reason: /gave up after 3 of 3 attempts: the relay that sent it died/,
  })
  const own = orphan({ attemptOfBudget: 3, maxAttempts: 4 })
  t.match(orphaned(own, '10', policy, 0).decision, { status: 'pending' }, 'its own number of attempts counts')
})

t.test('what may have arrived is left to an operator where its origin is set so', async t => {
  const careful: RetryPolicy = {
    ...policy,
    settingsOf: origin => ({ maxAttempts: 3, unknown: origin === 'http://a' ? 'hold' : 'resend' }),
  }
  t.match(orphaned(orphan(), '10', careful, 0).decision, {
    status: 'dead',
    reason: /^unknown: the relay that sent it died .*; not sent again/,
  })
  t.match(orphaned(orphan({ origin: 'http://b' }), '10', careful, 0).decision, { status: 'pending' })
})

const orphansTip = (): IndexPlace => ({ dueUs: 0, id: '0' })

/** A search over pages that a test gives, newest at the end, and a clock that it moves. */
function staged(
  t: Test,
  pages: readonly (readonly Orphan[])[] = [],
  isUnderWay: (id: string) => boolean = () => false,
  isWanted = true,
) {
  const clock = mockClock(t)
  const state = {
    pages,
    reads: 0,
    stepMs: 0,
    wayMs: 0,
    mayJudge: true,
    lostFrom: Number.NEGATIVE_INFINITY,
    refused: '',
  }
  const released: (readonly unknown[])[] = []
  const limits: unknown[] = []
  const rows = async ({ name }: Statement, values: readonly unknown[] = []) => {
    if (name === 'ringback_release') {
      released.push(values)
      if (String(values[0]) === state.refused)
        throw Object.assign(new pg.DatabaseError('', 1, 'error'), { code: 'P0001' })
      return []
    }
    clock.now += state.stepMs + state.wayMs
    const workMs = state.stepMs
    state.reads += 1
    limits.push(values[1])
    if (name === 'ringback_orphans_due') return [{ id: null, read: 0, reachedUs: null, reachedId: null, workMs }]
    const [page = [], ...rest] = state.pages
    state.pages = rest
    const reach = {
      read: rest.length > 0 ? claimedPageEntries.wanted : page.length,
      reachedUs: null,
      reachedId: page.at(-1)?.id ?? '0',
      workMs,
    }
    return page.length > 0 ? page.map(each => ({ ...reach, ...each })) : [{ ...reach, id: null }]
  }
  const nothing = () => {}
  const recorder = new Recorder(
    { relay: () => 'relay', epoch: () => '10', log: silentLog },
    { recorded: nothing, repeated: nothing, overtaken: nothing, lost: nothing },
  )
  const recovery = new Recovery({
    recorder,
    unreleased: new Refusals(silentLog, 'callback_refused'),
    policy,
    epoch: () => '10',
    mayJudge: () => state.mayJudge,
    isUnderWay: ({ id }) => isUnderWay(id),
    lostReads: () => new Map([['8', state.lostFrom]]),
  })
  const work = () => recovery.work({ rows } as unknown as Session, orphansTip)
  const search = async () => {
    while (await work());
  }
  if (isWanted) recovery.want()
  return { clock, state, limits, recorder, recovery, released, work, search }
}

t.test(
  'what a read may have claimed whose reply was lost is released: nothing of it was sent. An earlier claim may have been',
  async t => {
    const page = [
      orphan({ id: '1', epoch: '8', claimedMsAgo: 100 }),
      orphan({ id: '2', epoch: '8', claimedMsAgo: 3_000 }),
      orphan({ id: '3', claimedMsAgo: 100 }),
    ]
    const { clock, state, recorder, released, search } = staged(t, [page])
    state.lostFrom = clock.now - 1_000
    await search()
    t.same(released, [[['1'], [4], '8']])
    t.same(
      ['1', '2', '3'].map(id => recorder.holds(id)),
      [false, true, true],
    )
  },
)

t.test('all pages of both ranges are searched, and what is found is to be recorded', async t => {
  const { state, recorder, work, search } = staged(t, [[orphan({ id: '1' })], [], [orphan({ id: '3' })]])
  await search()
  t.same(
    ['1', '2', '3'].map(id => recorder.holds(id)),
    [true, false, true],
  )
  t.equal(state.reads, 4)
  t.notOk(await work())
  t.equal(state.reads, 4)
})

t.test('a claim that PostgreSQL refuses to release waits for a later search, and the others go on', async t => {
  const page = ['1', '2', '3'].map(id => orphan({ id, epoch: id === '3' ? '9' : '8', claimedMsAgo: 100 }))
  const { clock, state, recorder, recovery, released, search } = staged(t, [page])
  state.lostFrom = clock.now - 1_000
  state.refused = '1'
  await search()
  t.same(
    released.map(([ids]) => ids),
    [['1'], ['2']],
  )
  t.ok(recorder.holds('3'))
  state.pages = [page]
  clock.now = recovery.nextAt
  await search()
  t.same(released.at(-2)?.[0], ['1'])
})

t.test('a search that takes too long goes on in spans of both ranges, and so do the next ones', async t => {
  const clock = mockClock(t)
  const tips = { fresh: { dueUs: null, id: '1000000' }, due: { dueUs: 1e15, id: '1' } }
  const sent: unknown[][] = []
  const state = { mostIds: 100_000, workMs: 30 }
  const rows = async ({ name }: Statement, [after, , ...more]: [string, number, ...(string | number)[]]) => {
    sent.push([name, after, ...more.slice(0, -1)])
    clock.now += state.workMs
    const ids = Math.min(Number(more[0]), 1_000_000) - Number(after)
    if (name === 'ringback_orphans_fresh' && ids > state.mostIds)
      throw Object.assign(new pg.DatabaseError('', 1, 'error'), { code: '57014' })
    return [{ id: null, read: 0, reachedUs: null, reachedId: null, workMs: state.workMs }]
  }
  const parts = {
    recorder: {} as Recorder,
    unreleased: new Refusals(silentLog, 'callback_refused'),
    policy,
    epoch: () => '10',
    mayJudge: () => true,
    isUnderWay: () => false,
    lostReads: () => new Map<string, number>(),
  }
  const recovery = new Recovery(parts)
  recovery.want()
  const whenCancelled = (error: unknown) => {
    if (!isCancelled(error)) throw error
    return true
  }
  /** The statements of one search: where each begins, and where it ends at the latest. */
  const search = async () => {
    sent.length = 0
    const step = () => recovery.work({ rows } as unknown as Session, range => tips[range]).catch(whenCancelled)
    do clock.now = Math.max(clock.now, recovery.nextAt)
    while ((await step()) || recovery.nextAt - clock.now < orphansPauseMs)
    const of = (range: string) =>
      sent.filter(([name]) => name === `ringback_orphans_${range}`).map(([, ...more]) => more)
    return { fresh: of('fresh'), due: of('due') }
  }
  const { fresh, due } = await search()
  t.same(fresh.slice(0, 2), [
    ['0', idEnd],
    ['0', '20000'],
  ])
  const done = fresh.filter(([after, upTo]) => Math.min(Number(upTo), 1_000_000) - Number(after) <= state.mostIds)
  t.same(
    done.slice(1).map(([after]) => after),
    done.slice(0, -1).map(([, upTo]) => upTo),
    'none is left out',
  )
  t.equal(done.at(-1)?.[1], idEnd)
  t.ok(due.length > 2)
  t.equal(due[0]?.[1], Number.NEGATIVE_INFINITY)
  t.same(
    due.slice(1).map(([, afterUs]) => afterUs),
    due.slice(0, -1).map(([, , endUs]) => endUs),
    'none is left out',
  )
  t.equal(due.at(-1)?.[2], Number.POSITIVE_INFINITY)
  Object.assign(state, { workMs: 1, mostIds: 1_000_000 })
  t.same((await search()).fresh[0], ['0', '2500'], 'it has taken more than a second, so the next one is careful, too')
  t.same((await search()).fresh, [['0', idEnd]], 'as before, since a search was quick')
})

t.test('a relay that stands by judges nothing; once it serves it does', async t => {
  const { state, recorder, work, search } = staged(t, [[orphan({ id: '1' })]])
  state.mayJudge = false
  t.notOk(await work())
  t.equal(state.reads, 0)
  state.mayJudge = true
  await search()
  t.ok(recorder.holds('1'))
})

t.test('one that begins to stand by while a page is read judges nothing of it', async t => {
  const { state, recorder, work, search } = staged(t, [[orphan({ id: '1' })]])
  const reading = work()
  state.mayJudge = false
  await reading
  t.notOk(recorder.holds('1'))
  Object.assign(state, { mayJudge: true, pages: [[orphan({ id: '1' })]] })
  await search()
  t.ok(recorder.holds('1'))
})

t.test('one that is wanted while a page is read begins anew: the page may not show what is orphaned since', async t => {
  for (const page of [0, 1]) {
    const { state, recovery, work, search } = staged(t, [[], []])
    for (let n = 0; n < page; n += 1) await work()
    const reading = work()
    recovery.want()
    await reading
    await search()
    t.equal(state.reads, page + 3)
  }
})

t.test('an attempt that this very process has under way is not its to judge; it looks again soon', async t => {
  const sent = new Set(['1'])
  const { clock, state, recorder, work, search } = staged(t, [[orphan({ id: '1' })]], id => sent.has(id))
  await search()
  t.notOk(recorder.holds('1'))
  sent.clear()
  state.pages = [[orphan({ id: '1' })]]
  clock.now = choresMs - 1
  t.notOk(await work())
  clock.now = choresMs
  await search()
  t.ok(recorder.holds('1'))
})

t.test(
  'at the start nothing is urgent: the search has short pages with pauses, until a registration is gone',
  async t => {
    const { clock, state, limits, recovery, search } = staged(t, [[], [], [], []], undefined, false)
    state.stepMs = 2
    await search()
    t.same([state.reads, recovery.nextAt - clock.now], [1, 100])
    recovery.want()
    await search()
    t.equal(state.reads, 5)
    const { regular, wanted } = claimedPageEntries
    t.same(limits.slice(0, 2), [regular, wanted])
  },
)

t.test('what nobody asks for is searched now and then, for a fiftieth of the time at most', async t => {
  const { clock, state, search } = staged(t)
  await search()
  clock.now += orphansPauseMs - 1
  await search()
  t.equal(state.reads, 2)
  clock.now += 1
  state.stepMs = 1_000
  for (const reads of [3, 4]) {
    await search()
    t.equal(state.reads, reads, 'one page, since each is followed by a pause')
    clock.now += 49_999
    await search()
    t.equal(state.reads, reads)
    clock.now += 1
  }
  state.stepMs = 0
  await search()
  t.equal(state.reads, 6)
})

t.test('where the server stood still during a page, the next is read within a minute', async t => {
  const { clock, state, recovery, search } = staged(t, [[], []], undefined, false)
  state.stepMs = 3_600_000
  await search()
  t.equal(recovery.nextAt - clock.now, 60_000)
})

t.test('the way to a distant server makes no pause longer', async t => {
  const { clock, state, search } = staged(t)
  state.wayMs = 10_000
  await search()
  clock.now += orphansPauseMs - 1
  await search()
  t.equal(state.reads, 2)
  clock.now += 1
  await search()
  t.equal(state.reads, 4)
})
