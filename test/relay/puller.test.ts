import pg from 'pg'
import t, { type Test } from 'tap'
import { Backlog } from '../../src/backlog/backlog.ts'
import { justBefore } from '../../src/backlog/index-place.ts'
import type { IndexPlace, RangeName, ShownRow } from '../../src/model.ts'
import type { Session } from '../../src/outbox/session.ts'
import { pullEntries, pullIds, pullShare, pullUs } from '../../src/policy/tuning.ts'
import { Puller } from '../../src/relay/puller.ts'
import { mockClock } from '../fixtures/mock-clock.ts'
import { shownRow } from '../fixtures/shown-row.ts'

const origin = 'http://a'

/** The arguments of a pull of one origin, as the statement gets them. */
interface Sent {
  readonly isFresh: boolean
  readonly afterUs: number | null
  readonly afterId: string
  readonly endUs: number
  readonly endId: string
  readonly room: number
  /** Most entries of each span. */
  readonly most: number
}

/** A puller whose backlog has one origin behind in one range, and a session that answers as a test says. */
function staged(t: Test, reached: Partial<Record<RangeName, IndexPlace>> = {}) {
  const clock = mockClock(t)
  const state = {
    workMs: 20,
    wayMs: 0,
    code: null as string | null,
    rows: [] as readonly (ShownRow & { place: string })[],
  }
  const sent: Sent[] = []
  const nothing: number[] = []
  const rows = async (_: unknown, values: readonly (readonly unknown[])[]) => {
    const [origins = [], ...columns] = values
    origins.forEach((_, n) => {
      const [isFresh, afterUs, afterId, endUs, endId, room] = columns.map(column => column[n])
      sent.push({ isFresh, afterUs, afterId, endUs, endId, room, most: values.at(-1) } as unknown as Sent)
    })
    clock.now += state.workMs + state.wayMs
    if (state.code) throw Object.assign(new pg.DatabaseError('refused', 1, 'error'), { code: state.code })
    const { workMs } = state
    if (state.rows.length === 0) return [{ pull: 1, place: null, workMs }]
    return state.rows.map(row => ({ ...row, pull: 1, isWanted: true, workMs }))
  }
  const backlog = new Backlog({ memoryRows: 100, room: () => 4, slots: () => 4, isMine: () => true })
  const tips = { fresh: { dueUs: null, id: '1000000' }, due: { dueUs: 1e15, id: '1' }, ...reached }
  const session = { rows } as unknown as Session
  const puller = new Puller(
    { session, backlog, epoch: () => '1', foundNothing: ms => nothing.push(ms) },
    range => tips[range],
  )
  return { clock, state, sent, nothing, backlog, puller }
}

function row(id: number, dueUs: number | null = null): ShownRow {
  return shownRow(id, { origin, dueUs })
}

/** The origin is behind from this row on, up to the tip, in the range of the row alone. */
function fallBehind(backlog: Backlog, { dueUs, id }: ShownRow): void {
  backlog.rewind(origin)
  const read = backlog.beginRead({ pulls: 9 })
  for (const pull of read.pulls) {
    const isOfRow = (pull.range === 'fresh') === (dueUs === null)
    backlog.pulled(pull, [], isOfRow ? justBefore({ dueUs, id }) : pull.after, !isOfRow, read)
  }
}

t.test('nothing to pull costs no statement', async t => {
  const { sent, puller } = staged(t)
  t.notOk(await puller.pull())
  t.same(sent, [])
})

t.test('a pull looks at a span of ids, which doubles while pulls are quick and halves when they are slow', async t => {
  const { state, sent, backlog, puller } = staged(t, { fresh: { dueUs: null, id: '9000000000' } })
  fallBehind(backlog, row(10))
  const spans = async (workMs: number, count: number) => {
    state.workMs = workMs
    sent.length = 0
    for (let n = 0; n < count; n += 1) t.ok(await puller.pull())
    return sent.map(({ afterId, endId }) => (Number(endId) - Number(afterId)) / pullIds)
  }
  t.same(await spans(20, 2), [1, 1])
  t.same(await spans(1, 4), [1, 2, 4, 8])
  t.same(await spans(100, 3), [16, 8, 4])
  t.same(await spans(20, 2), [2, 2])
  t.same(await spans(100, 4), [2, 1, 1, 1], 'not below the first')
})

t.test('after a slow statement the next one reads fewer entries, and more again after a quick one', async t => {
  const { state, sent, backlog, puller } = staged(t, { fresh: { dueUs: null, id: '9000000000' } })
  fallBehind(backlog, row(10))
  const entries = async (workMs: number, count: number) => {
    state.workMs = workMs
    sent.length = 0
    for (let n = 0; n < count; n += 1) t.ok(await puller.pull())
    return sent.map(({ most }) => most)
  }
  const { least, most, quickMs, slowMs } = pullEntries
  t.same(await entries(slowMs + 1, 5), [most, most / 2, most / 4, most / 8, least])
  t.same(await entries(quickMs, 2), [least, least])
  t.same(await entries(quickMs - 1, 5), [least, most / 4, most / 2, most, most])
})

t.test('the way to a distant server makes no span smaller, and no pause longer', async t => {
  const { clock, state, sent, backlog, puller } = staged(t, { fresh: { dueUs: null, id: '9000000000' } })
  Object.assign(state, { workMs: 1, wayMs: 200 })
  fallBehind(backlog, row(10))
  for (let n = 0; n < 4; n += 1) await puller.pull()
  t.same(
    sent.map(({ afterId, endId }) => (Number(endId) - Number(afterId)) / pullIds),
    [1, 2, 4, 8],
  )
  t.equal(puller.nextAt - clock.now, 1 / pullShare - 1)
})

t.test('where it has found nothing, the next one goes on at the end of its span', async t => {
  const { sent, backlog, puller } = staged(t)
  fallBehind(backlog, row(10))
  await puller.pull()
  await puller.pull()
  t.same(
    sent.map(({ afterId, endId }) => [afterId, endId]),
    [
      ['9', String(9 + pullIds)],
      [String(9 + pullIds), String(9 + 2 * pullIds)],
    ],
  )
})

t.test('what it has found is taken in, and a read that ended early goes on behind its last row', async t => {
  const { state, sent, backlog, puller } = staged(t)
  fallBehind(backlog, row(10))
  state.rows = [10, 20, 30, 40].map(id => ({ ...row(id), place: '1' }))
  await puller.pull()
  t.equal(sent[0]?.room, 4)
  const taken = backlog.take(9, 0).map(({ id }) => id)
  t.same(taken, ['10', '20', '30', '40'])
  for (const id of taken) backlog.ended(id, 'settled', null)
  state.rows = []
  await puller.pull()
  t.equal(sent[1]?.afterId, '40')
})

t.test('it tells of pulls that found nothing', async t => {
  const { state, nothing, backlog, puller } = staged(t)
  fallBehind(backlog, row(10))
  await puller.pull()
  state.rows = [{ ...row(400_000), place: '1' }]
  await puller.pull()
  t.same(nothing, [20])
})

t.test('a span that reaches the tip has no end, and then the origin is not behind any more', async t => {
  const { sent, backlog, puller } = staged(t, { fresh: { dueUs: null, id: '500' } })
  fallBehind(backlog, row(10))
  t.equal(backlog.behind, 1)
  await puller.pull()
  t.equal(sent[0]?.endId, '9223372036854775807')
  t.equal(backlog.behind, 0)
})

t.test('rows that were passed over are read, and no entry after them', async t => {
  const { sent, backlog, puller } = staged(t)
  backlog.offer(
    [1, 2, 3, 4, 500, 700].map(id => row(id)),
    backlog.beginRead(),
  )
  backlog.take(9, 0)
  t.equal(backlog.behind, 1)
  await puller.pull()
  t.match(sent, [{ afterId: '499', endId: '700' }])
  t.equal(backlog.behind, 0)
})

t.test('in the range of those with a due time the span is one of time', async t => {
  const { sent, backlog, puller } = staged(t)
  fallBehind(backlog, row(10, 1_000_000))
  await puller.pull()
  t.match(sent, [{ isFresh: false, afterUs: 1_000_000, afterId: '9', endUs: 1_000_000 + pullUs }])
  await puller.pull()
  t.match(sent[1], { afterUs: 1_000_000 + pullUs, afterId: '9223372036854775807' })
})

t.test('one that PostgreSQL cancels is sent again with a smaller span, down to some hundred ids', async t => {
  const { state, sent, backlog, puller } = staged(t, { fresh: { dueUs: null, id: '9000000000' } })
  fallBehind(backlog, row(10))
  state.workMs = 1
  for (let n = 0; n < 10; n += 1) await puller.pull()
  sent.length = 0
  state.code = '57014'
  for (let n = 0; n < 4; n += 1) await t.rejects(puller.pull(), { code: '57014' })
  const spans = sent.map(({ afterId, endId }) => Number(endId) - Number(afterId))
  t.same(spans, [pullIds * 2 ** 10, pullIds, Math.ceil(pullIds / 8), Math.ceil(pullIds / 64)])
  state.code = null
  const from = sent[0]?.afterId
  sent.length = 0
  for (let n = 0; n < 3; n += 1) await puller.pull()
  t.equal(sent[0]?.afterId, from, 'nothing was skipped')
  t.ok(sent.every(({ afterId, endId }, n) => Number(endId) - Number(afterId) >= (pullIds / 64) * 2 ** n))
})

t.test('a pull of all due rows that PostgreSQL cancels is sent again in spans of time', async t => {
  const now = Date.now() * 1_000
  const { state, sent, backlog, puller } = staged(t, { due: { dueUs: now, id: '1' } })
  backlog.rewind(origin)
  state.code = '57014'
  await t.rejects(puller.pull(), { code: '57014' })
  Object.assign(state, { code: null, workMs: 1 })
  while (backlog.behind > 0) await puller.pull()
  const due = sent.filter(({ isFresh }) => !isFresh).slice(1)
  t.ok(due.length > 2)
  t.match(due[0], { afterUs: Number.NEGATIVE_INFINITY, endUs: now - 86_400_000_000 })
  for (const [n, { afterUs }] of due.slice(1).entries()) t.equal(afterUs, due[n]?.endUs)
  t.equal(due.at(-1)?.endUs, Number.POSITIVE_INFINITY)
})

t.test('a lost session is no refusal, and what was pulled is wanted again', async t => {
  const { state, backlog, puller } = staged(t)
  fallBehind(backlog, row(10))
  state.code = '57P01'
  await t.rejects(puller.pull(), { code: '57P01' })
  t.ok(backlog.wantsPulls)
})
