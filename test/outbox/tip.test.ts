import assert from 'node:assert/strict'
import t from 'tap'
import { idEnd } from '../../src/ids.ts'
import type { IndexPlace, ShownRow } from '../../src/model.ts'
import { readDue, readFresh } from '../../src/outbox/tip.ts'
import { eventually } from '../fixtures/eventually.ts'
import { type Columns, Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const epoch = '9007199254740993'
const claimedUnder = (by: string) =>
  `status = 'claimed', attempts = attempts + 1, claimed_epoch = ${by}, claimed_at = clock_timestamp()`
const settled = `status = 'delivered', settled_at = now(), due_at = null`

t.beforeEach(async () => {
  await stage.query('truncate outbox.callback restart identity')
})

const idsOf = (rows: readonly ShownRow[]): string[] => rows.map(({ id }) => id)
const fresh = (after = '0', limit = 100) => readFresh(stage.session, epoch, [{ after, upTo: idEnd }], limit)
const due = (after: IndexPlace = { dueUs: Number.NEGATIVE_INFINITY, id: '0' }, limit = 100) =>
  readDue(stage.session, epoch, after, limit)
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000)

async function insertMany(count: number, columns: Columns = {}): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i += 1) ids.push(await stage.insert(columns))
  return ids
}

t.test('fresh rows are those never tried and due at once, claimed ones too, settled ones not', async t => {
  const [plain = '', mine = '', other = '', done = ''] = await insertMany(4, {
    ordering_key: 'k',
    url: 'http://A.test:80/x',
  })
  await stage.insert({ due_at: 'yesterday' })
  await stage.force(mine, claimedUnder(epoch))
  await stage.force(other, claimedUnder('1'))
  await stage.force(done, settled)
  const shown = { orderingKey: 'k', origin: 'http://a.test', dueUs: null }
  const read = await fresh()
  t.equal(read.rows.length, 3)
  t.match(read, {
    rows: [
      { id: plain, ...shown, standing: 'due', rev: 0 },
      { id: mine, ...shown, standing: 'claimed here', rev: 1 },
      { id: other, ...shown, standing: 'claimed elsewhere', rev: 1 },
    ],
    isFull: false,
    lastId: '5',
  })
})

t.test('fresh rows come by id, after the one given and so many at a time', async t => {
  const ids = await insertMany(5)
  t.match(await fresh('2', 2), { rows: [{ id: '3' }, { id: '4' }], isFull: true })
  t.match(await fresh('2', 3), { isFull: true })
  t.match(await fresh('2', 4), { isFull: false })
  t.same(idsOf((await fresh()).rows), ids)
  t.same(await fresh('5'), { rows: [], isFull: false, lastId: '5' })
})

t.test('fresh rows of several gaps come by id, so many of each', async t => {
  await insertMany(9)
  const gaps = [
    { after: '1', upTo: '2' },
    { after: '3', upTo: '3' },
    { after: '4', upTo: idEnd },
  ]
  const { rows, isFull } = await readFresh(stage.session, epoch, gaps, 3)
  t.same(idsOf(rows), ['2', '5', '6', '7'])
  t.equal(isFull, true)
  t.same(await readFresh(stage.session, epoch, [], 3), { rows: [], isFull: false, lastId: '9' })
})

t.test('an id that a producer has chosen above the sequence is not shown, and hides nothing', async t => {
  await stage.query(
    `insert into outbox.callback (id, url) overriding system value values (1000, 'https://receiver.test/')`,
  )
  t.match(await fresh(), { rows: [] })
  const ids = await insertMany(2)
  t.match(await fresh(), { lastId: '2' })
  t.same(idsOf((await fresh()).rows), ids)
})

t.test('a row that commits late is shown by a read that looks back far enough', async t => {
  const slow = await stage.database.connect()
  await slow.query('begin')
  const late = await stage.insert({}, slow)
  const later = await insertMany(2)
  t.match(await fresh(), { rows: later.map(id => ({ id })), lastId: '3' })
  await slow.query('commit')
  t.same(idsOf((await fresh('0')).rows), [late, ...later])
})

t.test('the last id is told though nothing is there, and though its row was rolled back', async t => {
  t.same(await fresh(), { rows: [], isFull: false, lastId: '1' }, 'as the sequence says before its first number')
  await stage.query('begin')
  await insertMany(3)
  await stage.query('rollback')
  t.same(await fresh(), { rows: [], isFull: false, lastId: '3' })
})

t.test('due rows are those whose time has come, in its order', async t => {
  await stage.insert({ due_at: inSeconds(60) })
  const past = await stage.insert({ due_at: '2026-02-02T02:02:02.020202Z', created_at: '2026-01-01' })
  const older = await stage.insert({ due_at: '2026-02-01', created_at: '2026-01-01' })
  await insertMany(1)
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [
    await stage.insert({ due_at: inSeconds(1) }),
  ])
  const { rows, nowUs, isFull } = await due()
  t.same(idsOf(rows), [older, past])
  const dueUs = Date.parse('2026-02-02T02:02:02Z') * 1_000 + 20_202
  t.match(rows[1], { id: past, orderingKey: null, origin: 'https://receiver.test', dueUs, standing: 'due', rev: 0 })
  t.ok(Math.abs(nowUs / 1_000 - Date.now()) < 10_000)
  t.equal(isFull, false)
})

t.test('it is told when the next row is due, if that is within two seconds', async t => {
  await insertMany(3, { due_at: inSeconds(60) })
  t.match(await due(), { rows: [], nextInMs: null })
  await eventually(async () => {
    await stage.query(`update outbox.callback set due_at = clock_timestamp() + (2000 - id * 100) * interval '1 ms'`)
    const { rows, nextInMs } = await due()
    assert.deepEqual(rows, [])
    assert.ok(nextInMs !== null && nextInMs > 1_000 && nextInMs <= 1_700, String(nextInMs))
  })
  await stage.query(`update outbox.callback set status = 'cancelled'`)
  t.match(await due(), { rows: [], nextInMs: null })
})

t.test('a row that was planned for a time before it was written is due when it was written', async t => {
  await stage.insert({ due_at: '2020-01-01', created_at: '2026-01-31 08:00:00.000001+00' })
  const dueUs = Date.parse('2026-01-31T08:00:00Z') * 1_000 + 1
  t.match((await due()).rows, [{ dueUs }])
  t.same((await due({ dueUs, id: '1' })).rows, [])
  t.match((await due({ dueUs: dueUs - 1, id: '7' })).rows, [{ id: '1' }])
})

t.test('rows with a due time are shown however they are claimed', async t => {
  const [mine = '', other = ''] = await insertMany(2, { due_at: 'yesterday' })
  await stage.force(mine, claimedUnder(epoch))
  await stage.force(other, claimedUnder('1'))
  const stands = [
    { id: mine, standing: 'claimed here' },
    { id: other, standing: 'claimed elsewhere' },
  ]
  t.match((await due()).rows, stands)
})

t.test('pages of rows that are due at the same moment leave none out and repeat none', async t => {
  const ids = await insertMany(7, { due_at: '2020-02-02T02:02:02.020202Z', created_at: '2020-01-01' })
  const seen: string[] = []
  for (let after: IndexPlace = { dueUs: Number.NEGATIVE_INFINITY, id: '0' }; ; ) {
    const { rows, isFull } = await due(after, 3)
    seen.push(...idsOf(rows))
    const last = rows.at(-1)
    if (!isFull || !last) break
    after = { dueUs: last.dueUs, id: last.id }
  }
  t.same(seen, ids)
})

t.test('beyond all that is due there is nothing to show, but the time', async t => {
  await insertMany(2, { due_at: 'yesterday' })
  const { rows, nowUs } = await due({ dueUs: Number.POSITIVE_INFINITY, id: '0' })
  t.same(rows, [])
  t.ok(Math.abs(nowUs / 1_000 - Date.now()) < 10_000)
})
