import t from 'tap'
import type { ClaimedPlace, FreshRange, Listed } from '../../src/outbox/fetch.ts'
import {
  claimedStart,
  dueStart,
  noEnd,
  parkedStart,
  readClaimed,
  readDue,
  readFresh,
  readIds,
  readKeys,
  readParked,
} from '../../src/outbox/fetch.ts'
import { allLanes, type Columns, Stage } from '../fixtures/stage.ts'

const every = allLanes.map(({ lane }) => lane)
const settled = `status = 'delivered', settled_at = now(), due_at = null`
const claimedNow = `status = 'claimed', attempts = attempts + 1, claimed_epoch = 1, claimed_at = clock_timestamp() - interval '5 s'`

const stage = await Stage.withSession(t)
t.beforeEach(async () => {
  await stage.query('truncate outbox.callback restart identity')
})

const idsOf = (rows: readonly Listed[]): string[] => rows.map(({ id }) => id)

async function insertMany(count: number, columns: Columns = {}): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i += 1) ids.push(await stage.insert(columns))
  return ids
}

/** Lanes without those of these rows. */
async function lanesWithout(ids: readonly string[]): Promise<number[]> {
  const rows = await stage.query<{ lane: number }>('select lane from outbox.callback where id = any ($1)', [ids])
  return every.filter(lane => !rows.some(row => row.lane === lane))
}

const fresh = (range: Partial<FreshRange>, limit = 100, lanes = every) =>
  readFresh(stage.session, lanes, { overlapFrom: '0', after: '0', upTo: noEnd, ...range }, limit)

t.test('fresh rows are those never tried and due at once, claimed ones too, settled ones not', async t => {
  const key = { ordering_key: 'k', max_attempts: 3, expires_at: '2100-01-01T00:00Z', url: 'http://a.test:80/x' }
  const [plain = '', claimed = '', done = ''] = await insertMany(3, key)
  await stage.insert({ due_at: 'yesterday' })
  await stage.force(await stage.insert(), `due_at = 'infinity'`)
  await stage.force(claimed, claimedNow)
  await stage.force(done, settled)
  const { rows, reached, read } = await fresh({})
  t.match(rows, [
    {
      id: plain,
      orderingKey: 'k',
      origin: 'http://a.test',
      claimed: null,
    },
    {
      id: claimed,
      claimed: { attempt: 1, epoch: '1', attemptOfBudget: 1, maxAttempts: 3 },
      dueInMs: 0,
      late: false,
    },
  ])
  t.ok((rows[1]?.claimed?.msAgo ?? 0) >= 5_000 && (rows[1]?.claimed?.msAgo ?? 0) < 15_000)
  t.same({ reached, read }, { reached: claimed, read: 2 })
})

t.test('the overlap is read whole, and the limit counts new ground only', async t => {
  const ids = await insertMany(10)
  const { rows, reached, read } = await fresh({ overlapFrom: '2', after: '6' }, 2)
  t.same(idsOf(rows).sort(compare), ids.slice(2, 8))
  t.same({ reached, read }, { reached: '8', read: 2 })
  const [first, later] = [await fresh({}, 4), await fresh({ overlapFrom: '4', after: '4' }, 4)]
  t.same([...idsOf(first.rows), ...idsOf(later.rows)], ids.slice(0, 8))
  const end = await fresh({ overlapFrom: '6', after: '10' }, 4)
  t.same({ reached: end.reached, read: end.read }, { reached: '10', read: 0 }, 'only the overlap is there')
})

t.test('fresh rows end where they are told to', async t => {
  const ids = await insertMany(5)
  t.same(idsOf((await fresh({ overlapFrom: '0', after: '0', upTo: '3' })).rows), ids.slice(0, 3))
})

t.test('a row that commits late is in the overlap', async t => {
  const slow = await stage.database.connect()
  await slow.query('begin')
  const late = await stage.insert({}, slow)
  await insertMany(2)
  t.equal((await fresh({})).reached, '3')
  await slow.query('commit')
  t.same(idsOf((await fresh({ overlapFrom: '0', after: '3' })).rows).sort(compare), [late, '2', '3'])
})

t.test('how far a read came is told even when no row is in the lanes', async t => {
  t.same(await fresh({}), { rows: [], reached: null, read: 0 })
  const ids = await insertMany(3)
  t.same(await fresh({}, 100, []), { rows: [], reached: '3', read: 3 })
  t.same(await fresh({}, 2, await lanesWithout(ids)), { rows: [], reached: '2', read: 2 })
  await insertMany(2, { due_at: '2020-01-01T00:00:00.123456Z' })
  const due = await readDue(stage.session, [], dueStart, 0, 100)
  t.match(due, { rows: [], read: 2, reached: { id: '5' } })
  t.match(due.reached?.dueAt, /^20(19|20).*\.123456/, 'to the microsecond')
  await stage.query(`update outbox.callback set due_at = 'infinity', rev = rev + 1`)
  const parked = await readParked(stage.session, [], parkedStart, 100)
  t.same(parked, { rows: [], read: 5, reached: { origin: 'https://receiver.test', id: '5' } })
})

t.test('rows of other lanes are left out', async t => {
  const ids = await insertMany(20)
  const lanes = every.filter(lane => lane % 2 === 0)
  const { rows, read } = await fresh({}, 100, lanes)
  t.equal(read, 20)
  t.ok(rows.length > 0 && rows.length < ids.length)
  t.ok(rows.every(({ lane }) => lane % 2 === 0))
})

t.test('due rows come in the order of their times, up to the horizon', async t => {
  const inSeconds = (seconds: number) => stage.insert({ due_at: new Date(Date.now() + seconds * 1_000).toISOString() })
  const [soon, far, past] = [await inSeconds(60), await inSeconds(3_600), await inSeconds(-5)]
  const parked = await stage.insert()
  await stage.force(parked, `due_at = 'infinity'`)
  const { rows, read } = await readDue(stage.session, every, dueStart, 120_000, 100)
  t.same(idsOf(rows), [past, soon])
  t.equal(read, 2)
  t.ok(rows[0] && rows[0].dueInMs <= -5_000 && rows[0].dueInMs > -20_000, String(rows[0]?.dueInMs))
  t.ok(rows[1] && rows[1].dueInMs <= 60_000 && rows[1].dueInMs > 45_000, String(rows[1]?.dueInMs))
  t.ok(rows.every(({ late }) => late))
  t.same(idsOf((await readDue(stage.session, every, dueStart, 0, 100)).rows), [past])
  t.notOk(idsOf((await readDue(stage.session, every, dueStart, 1e12, 100)).rows).includes(parked))
  t.ok(idsOf((await readDue(stage.session, every, dueStart, 1e12, 100)).rows).includes(far))
})

t.test('claimed rows that came from the due index are found there', async t => {
  const id = await stage.insert({ due_at: 'yesterday' })
  await stage.force(id, claimedNow)
  t.match((await readDue(stage.session, every, dueStart, 0, 100)).rows, [{ id, claimed: { epoch: '1' } }])
})

t.test('pages of rows that are due at the same moment leave none out and repeat none', async t => {
  const ids = await insertMany(7, { due_at: '2020-02-02T02:02:02.020202Z' })
  const seen: string[] = []
  for (let after = dueStart, pages = 0; pages < 10; pages += 1) {
    const { rows, reached, read } = await readDue(stage.session, every, after, 0, 3)
    seen.push(...idsOf(rows))
    if (reached === null || read < 3) break
    after = reached
  }
  t.same(seen, ids)
})

t.test('parked rows come by origin and id, without those that a hold stops', async t => {
  const urls = [
    'https://b.test/1',
    'https://a.test/1',
    'https://held.test/1',
    'https://b.test/2',
    'https://A.test:443/2',
  ]
  for (const url of urls) await stage.force(await stage.insert({ url }), `due_at = 'infinity'`)
  await stage.insert({ due_at: 'tomorrow' })
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/', '')`)
  const first = await readParked(stage.session, every, parkedStart, 3)
  t.same(idsOf(first.rows), ['2', '5', '1'])
  t.same({ reached: first.reached, read: first.read }, { reached: { origin: 'https://b.test', id: '1' }, read: 3 })
  t.match(first.rows[0], { dueInMs: 0, late: true, origin: 'https://a.test' })
  t.same(idsOf((await readParked(stage.session, every, first.reached ?? parkedStart, 3)).rows), ['4'])
  t.same(idsOf((await readParked(stage.session, every, { origin: 'https://a.test', id: noEnd }, 9)).rows), ['1', '4'])
  await stage.query('delete from outbox.hold')
  t.equal((await readParked(stage.session, every, parkedStart, 9)).read, 5)
})

t.test('by key: the first unsettled rows of each, with what is known of them', async t => {
  const [a1 = '', a2 = '', a3 = '', a4 = ''] = await insertMany(4, { ordering_key: 'a' })
  const b = await stage.insert({ ordering_key: 'ab', due_at: '2100-01-01T00:00Z' })
  await insertMany(1)
  await stage.force(a1, settled)
  await stage.force(a2, `due_at = 'infinity'`)
  t.same(idsOf(await readKeys(stage.session, ['a', 'none', 'ab'], 2)).sort(compare), [a2, a3, b])
  t.same(idsOf(await readKeys(stage.session, ['a'], 20)), [a2, a3, a4])
  const [parked, , , later] = await readKeys(stage.session, ['a', 'ab'], 20)
  t.match([parked, later], [{ dueInMs: 0, late: true }, { late: true }])
  t.ok((later?.dueInMs ?? 0) > 1e9, 'its time is not forgotten')
})

t.test('by id: as far as they are unsettled', async t => {
  const [plain = '', done = '', claimed = ''] = await insertMany(3)
  const due = await stage.insert({ due_at: '2100-01-01T00:00Z' })
  await stage.force(done, settled)
  await stage.force(claimed, claimedNow)
  const rows = (await readIds(stage.session, [plain, done, claimed, due, '77'])).sort((a, b) => compare(a.id, b.id))
  t.match(rows, [
    { id: plain, late: false, dueInMs: 0 },
    { id: claimed, claimed: { attempt: 1 } },
    { id: due, late: true },
  ])
  t.ok((rows[2]?.dueInMs ?? 0) > 1e9)
})

function compare(a: string, b: string): number {
  return Number(a) - Number(b)
}

t.test('the search for claimed rows finds them in all three indexes, and nothing else', async t => {
  const [fresh = '', , due = '', parked = ''] = await insertMany(6)
  await stage.force(due, `due_at = now() - interval '1 h'`)
  await stage.force(parked, `due_at = 'infinity'`)
  for (const id of [fresh, due, parked]) await stage.force(id, claimedNow)
  const found: string[] = []
  for (let place: ClaimedPlace | null = claimedStart; place !== null; ) {
    const { rows, next }: Awaited<ReturnType<typeof readClaimed>> = await readClaimed(stage.session, every, place)
    t.ok(rows.every(row => row.claimed?.epoch === '1'))
    found.push(...idsOf(rows))
    place = next
  }
  t.same(found, [fresh, due, parked])
})
