import t from 'tap'
import type { IndexPlace } from '../../src/model.ts'
import { type Pulled, type PullSpan, pull } from '../../src/outbox/pull.ts'
import { pullEntries } from '../../src/policy/tuning.ts'
import { pagesRead } from '../fixtures/pages-read.ts'
import { type Columns, Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const epoch = '9007199254740993'
const claimedUnder = (by: string) =>
  `status = 'claimed', attempts = attempts + 1, claimed_epoch = ${by}, claimed_at = clock_timestamp()`

t.beforeEach(async () => {
  await stage.query('truncate outbox.callback restart identity')
  await stage.query('delete from outbox.hold')
})

const { most: mostEntries } = pullEntries
const [a, b] = ['https://a.test', 'https://b.test']
const freshStart: IndexPlace = { dueUs: null, id: '0' }
const dueStart: IndexPlace = { dueUs: Number.NEGATIVE_INFINITY, id: '0' }

/** All of a range, but for what a test says otherwise. */
function span(origin: string, more: Partial<PullSpan> = {}): PullSpan {
  const range = more.range ?? 'fresh'
  return {
    origin,
    range,
    after: range === 'fresh' ? freshStart : dueStart,
    upTo: null,
    room: 100,
    urlHash: null,
    otherUrls: [],
    ...more,
  }
}

async function pullOne(of: PullSpan, most?: number): Promise<Pulled> {
  const [answer] = (await pull(stage.session, epoch, [of], most)).spans
  if (!answer) throw new Error('there is an answer for each')
  return answer
}

const idsOf = ({ rows }: Pulled): string[] => rows.map(({ id }) => id)
const insert = (origin: string, columns: Columns = {}) => stage.insert({ url: `${origin}/x`, ...columns })
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000)

/** Rows of one statement; returns how many there are then. */
async function insertMany(origin: string, count: number, key: string | null = null): Promise<void> {
  await stage.query(`insert into outbox.callback (url, ordering_key) select $1, $2 from generate_series(1, $3::int)`, [
    `${origin}/`,
    key,
    count,
  ])
}

t.test(
  'of an origin’s rows those that are pending, free and first of their key; and what this relay has claimed',
  async t => {
    await stage.query(`insert into outbox.hold (url_prefix, reason) values ('${a}/held', '')`)
    const plain = await insert(a)
    await insert(b)
    const head = await insert(a, { ordering_key: 'k' })
    await insert(a, { ordering_key: 'k' })
    await insert(b, { ordering_key: 'of both' })
    await insert(a, { ordering_key: 'of both' })
    await insert(a, { url: `${a}/held/x` })
    const mine = await insert(a, { ordering_key: 'k' })
    await stage.force(mine, claimedUnder(epoch))
    await stage.force(await insert(a), claimedUnder('1'))
    await stage.force(await insert(a), `status = 'delivered', settled_at = now()`)
    await insert(a, { due_at: 'yesterday' })
    const shown = { origin: a, dueUs: null }
    const pulled = await pullOne(span(a))
    t.equal(pulled.rows.length, 3)
    t.match(pulled, {
      rows: [
        { id: plain, orderingKey: null, ...shown, standing: 'due', rev: 0 },
        { id: head, orderingKey: 'k', ...shown, standing: 'due', rev: 0 },
        { id: mine, orderingKey: 'k', ...shown, standing: 'claimed here', rev: 1 },
      ],
      reached: null,
    })
  },
)

t.test('a row that has expired is shown: to end it is for another statement', async t => {
  const id = await insert(a, { expires_at: 'yesterday' })
  t.same(idsOf(await pullOne(span(a))), [id])
})

t.test('what has a due time comes by it, as far as it has come; never what is later', async t => {
  const written = { created_at: '2026-01-01' }
  const second = await insert(a, { due_at: '2026-02-02T02:02:02.020202Z', ...written })
  const third = await insert(a, { due_at: '2026-02-02T02:02:02.020202Z', ...written })
  const first = await insert(a, { due_at: '2020-01-01', ...written })
  await insert(a, { due_at: inSeconds(60) })
  await insert(a)
  const mine = await insert(a, { due_at: inSeconds(-60), created_at: inSeconds(-90) })
  await stage.force(mine, claimedUnder(epoch))
  const pulled = await pullOne(span(a, { range: 'due' }))
  t.same(idsOf(pulled), [first, second, third, mine])
  t.same(pulled.reached, null)
  const dueUs = Date.parse('2026-02-02T02:02:02Z') * 1_000 + 20_202
  t.match(pulled.rows, [{ dueUs: Date.parse('2026-01-01') * 1_000 }, { dueUs, standing: 'due' }])
  const after = { dueUs, id: second }
  t.same(idsOf(await pullOne(span(a, { range: 'due', after }))), [third, mine], 'the place itself is not read')
  const upTo = { dueUs, id: '0' }
  t.same(idsOf(await pullOne(span(a, { range: 'due', upTo }))), [first, second, third], 'but the end of the span is')
})

t.test('one URL alone is read, or all but some, whatever their query', async t => {
  const [x, y, asked] = [
    await insert(a, { url: `${a}/x` }),
    await insert(a, { url: `${a}/y` }),
    await insert(a, { url: `${a}/x?q` }),
  ]
  const { rows } = await pullOne(span(a))
  const hashes = rows.map(({ urlHash }) => urlHash)
  t.equal(hashes[0], hashes[2])
  t.same(idsOf(await pullOne(span(a, { urlHash: hashes[0] ?? 0 }))), [x, asked])
  t.same(idsOf(await pullOne(span(a, { otherUrls: [hashes[0] ?? 0, 7] }))), [y])
  t.same((await pullOne(span(a, { otherUrls: hashes }))).reached, null)
})

t.test('a span of ids ends where it is told to', async t => {
  await insertMany(a, 5)
  t.same(idsOf(await pullOne(span(a, { after: { dueUs: null, id: '1' }, upTo: { dueUs: null, id: '3' } }))), ['2', '3'])
  t.match(await pullOne(span(a, { upTo: { dueUs: null, id: '3' } })), { reached: null })
})

t.test('as many as there is room for, and how far that came', async t => {
  await insertMany(a, 2, 'k')
  await insertMany(a, 3)
  const first = await pullOne(span(a, { room: 2 }))
  t.same([idsOf(first), first.reached], [['1', '3'], { dueUs: null, id: '3' }])
  const second = await pullOne(span(a, { room: 2, after: first.reached ?? freshStart }))
  t.same([idsOf(second), second.reached], [['4', '5'], { dueUs: null, id: '5' }])
  t.same(await pullOne(span(a, { room: 2, after: second.reached ?? freshStart })), { rows: [], reached: null })
  const dueAt = { due_at: '2026-02-02T02:02:02.020202Z', created_at: '2026-01-01' }
  for (let n = 0; n < 2; n += 1) await insert(a, dueAt)
  const dueUs = Date.parse('2026-02-02T02:02:02Z') * 1_000 + 20_202
  t.match(await pullOne(span(a, { range: 'due', room: 1 })), { rows: [{ id: '6' }], reached: { dueUs, id: '6' } })
})

t.test('a read of many that cannot start ends after so many entries, and says how far it came', async t => {
  await insertMany(a, mostEntries + 1, 'k')
  await insertMany(a, 1)
  const first = await pullOne(span(a))
  t.same([idsOf(first), first.reached], [['1'], { dueUs: null, id: String(mostEntries) }])
  const second = await pullOne(span(a, { after: first.reached ?? freshStart }))
  t.same([idsOf(second), second.reached], [[String(mostEntries + 2)], null])
})

t.test('it may be told to read fewer', async t => {
  await insertMany(a, 4, 'k')
  await insertMany(a, 1)
  const first = await pullOne(span(a), 4)
  t.same([idsOf(first), first.reached], [['1'], { dueUs: null, id: '4' }])
  const second = await pullOne(span(a, { after: first.reached ?? freshStart }), 4)
  t.same([idsOf(second), second.reached], [['5'], null])
  await stage.query('update outbox.callback set due_at = created_at')
  const due = await pullOne(span(a, { range: 'due' }), 4)
  t.match([idsOf(due), due.reached?.id], [['1'], '4'])
})

t.test('the last entry of such a read counts as any other, be it one that can start or not', async t => {
  await insertMany(a, mostEntries - 1, 'k')
  await insertMany(a, 1)
  const pulled = await pullOne(span(a))
  t.same([idsOf(pulled), pulled.reached], [['1', String(mostEntries)], { dueUs: null, id: String(mostEntries) }])
  const full = await pullOne(span(a, { room: 2 }))
  t.same([idsOf(full), full.reached], [['1', String(mostEntries)], { dueUs: null, id: String(mostEntries) }])
})

t.test('each of many spans has its own answer, in their order', async t => {
  const [one, two] = [await insert(a), await insert(b)]
  const late = await insert(b, { due_at: 'yesterday' })
  const spans = [span(b, { range: 'due' }), span('https://none.test'), span(a), span(b), span(a, { range: 'due' })]
  const answer = await pull(stage.session, epoch, spans)
  t.same(answer.spans.map(idsOf), [[late], [], [one], [two], []])
  t.ok(answer.workMs > 0)
  t.same(await pull(stage.session, epoch, []), { spans: [], workMs: 0 })
})

t.test('the work of a pull that finds nothing is known, too', async t => {
  await insertMany(a, 9, 'k')
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('${a}', '')`)
  const { spans, workMs } = await pull(stage.session, epoch, [span(a), span('https://none.test')])
  t.same(spans.map(idsOf), [[], []])
  t.ok(workMs > 0)
})

t.test('an origin whose hash is that of another is read as if it were alone', async t => {
  const twins = ['http://xxqgpamcaaafiaaa0.test', 'http://hh82g0aarno00daxt.test'] as const
  const text = `select count(distinct hashtextextended(origin, 0))::int as hashes from unnest($1::text[]) as o (origin)`
  t.same(await stage.query(text, [twins]), [{ hashes: 1 }], 'found by a search for such a pair')
  for (const columns of [{}, { due_at: '2026-02-02', created_at: '2026-01-01' }]) {
    const range = 'due_at' in columns ? 'due' : 'fresh'
    const [one, two] = [await insert(twins[0], columns), await insert(twins[1], columns)]
    const { spans: pulled } = await pull(
      stage.session,
      epoch,
      twins.map(origin => span(origin, { range, room: 1 })),
    )
    t.same(pulled.map(idsOf), [[one], [two]], range)
  }
})

t.test('the dead entries of a busy key are passed once, and not for each of its rows that wait', async t => {
  const holder = await stage.another()
  await holder.query({ text: 'begin isolation level repeatable read' })
  await holder.query({ text: 'select 1' })
  await insertMany(a, 3_000, 'busy')
  await stage.query(`update outbox.callback set status = 'cancelled'`)
  await insertMany(a, 100, 'busy')
  const pages = await pagesRead(stage, session => pull(session, epoch, [span(a)]))
  t.ok(pages > 100 && pages < 2_000, `${pages} pages`)
  await holder.query({ text: 'rollback' })
})
