import t from 'tap'
import { Backlog, type BacklogOptions } from '../../src/backlog/backlog.ts'
import type { ShownRow } from '../../src/model.ts'
import { mostUnderWay } from '../../src/policy/tuning.ts'
import { shownRow } from '../fixtures/shown-row.ts'

function backlog(options: Partial<BacklogOptions> = {}): Backlog {
  return new Backlog({ memoryRows: 100, room: () => 10, slots: () => 10, isMine: () => true, ...options })
}

function rows(from: number, to: number, fields: Partial<ShownRow> = {}): ShownRow[] {
  return Array.from({ length: to - from + 1 }, (_, index) => shownRow(from + index, fields))
}

function shown(to: Backlog, shownRows: readonly ShownRow[]): void {
  to.offer(shownRows, to.beginRead())
}

function taken(from: Backlog, count: number, now = 0): string[] {
  return from.take(count, now).map(({ id }) => id)
}

t.test('origins take turns, however many rows each has', async t => {
  const it = backlog()
  shown(it, [...rows(1, 5), shownRow(6, { origin: 'http://b' }), shownRow(7, { origin: 'http://c' })])
  t.same(taken(it, 4), ['1', '6', '7', '2'])
  t.same(taken(it, 9), ['3', '4', '5'])
})

t.test('an origin gets as many as it has slots, and is asked again when one is freed', async t => {
  let free = 2
  let asked = 0
  const slots = (origin: string) => {
    if (origin !== 'http://a') return 10
    asked += 1
    return free
  }
  const it = backlog({
    slots,
    taken: ({ origin }) => {
      if (origin === 'http://a') free -= 1
    },
  })
  shown(it, [...rows(1, 5), ...rows(6, 8, { origin: 'http://b' })])
  t.same(taken(it, 9), ['1', '6', '2', '7', '8'])
  t.equal(asked, 3)
  for (let take = 0; take < 5; take += 1) t.same(taken(it, 9), [])
  t.equal(asked, 3, 'it costs nothing while it is full')
  free = 1
  it.freed('http://a')
  t.same(taken(it, 9), ['3'])
})

t.test('a slot is free again when the claim is refused, and when the attempt has ended', async t => {
  let free = 1
  const it = backlog({
    slots: () => free,
    taken: () => {
      free -= 1
    },
  })
  shown(it, rows(1, 3))
  const isFull = () => {
    free = 1
    t.same(taken(it, 9), [], 'it is not asked')
  }
  t.same(taken(it, 9), ['1'])
  isFull()
  it.refused('1', { why: 'gone' }, 0)
  t.same(taken(it, 9), ['2'])
  isFull()
  it.ended('2', 'settled', null)
  t.same(taken(it, 9), ['3'])
})

t.test('rows of one key go one at a time, and the next is the one that the record names', async t => {
  const it = backlog()
  shown(it, rows(1, 3, { orderingKey: 'k' }))
  t.same(taken(it, 9), ['1'])
  it.ended('1', 'settled', shownRow(3, { orderingKey: 'k' }))
  t.same(taken(it, 9), ['3'])
})

t.test('a row that somebody else has is tried again when its rest is over', async t => {
  const it = backlog({ restMs: 250 })
  shown(it, [shownRow(1)])
  t.same(taken(it, 1, 1_000), ['1'])
  it.refused('1', { why: 'occupied' }, 1_000)
  t.equal(it.nextAt, 1_250)
  t.same(taken(it, 1, 1_249), [])
  t.same(taken(it, 1, 1_250), ['1'])
})

t.test('rows that others have locked do not shut their origin: it reads on while they rest', async t => {
  const it = backlog({ room: () => 2, restMs: 250 })
  shown(it, rows(1, 4))
  t.same(taken(it, 9), ['1', '2'])
  for (const id of ['1', '2']) it.refused(id, { why: 'occupied' }, 0)
  t.ok(it.wantsPulls)
  const read = it.beginRead({ pulls: 9 })
  const [pull] = read.pulls
  if (!pull) throw new Error('There is no pull')
  t.equal(pull.room, 2)
  it.pulled(pull, rows(3, 4), { dueUs: null, id: '4' }, true, read)
  t.same(taken(it, 9), ['3', '4'])
  t.same(taken(it, 9, 250), ['1', '2'])
})

t.test('origins are counted that have rows in memory, or more in the table', async t => {
  const it = backlog({ room: () => 1 })
  t.equal(it.origins, 0)
  shown(it, [...rows(1, 2), shownRow(3, { origin: 'http://b' })])
  it.rewind('http://c')
  t.equal(it.origins, 3)
  taken(it, 9)
  it.ended('3', 'settled', null)
  t.equal(it.origins, 2)
})

t.test('rows shed wait in the table, and of an origin that is probed new rows and retries go in turn', async t => {
  for (const [room, reads] of [
    [1, 1],
    [1, 2],
    [1, 3],
    [32, 1],
    [32, 2],
  ] as const) {
    const it = backlog({ room: () => room, slots: () => 1 })
    const retry = shownRow(3, { dueUs: 5 })
    shown(it, [shownRow(1), shownRow(2), retry])
    it.shed('http://a')
    t.equal(it.size, 0)
    const probes = [1, 2, 3, 4].map(() => {
      for (let each = 0; each < reads; each += 1) {
        it.shed('http://a')
        const read = it.beginRead({ pulls: 9 })
        for (const pull of read.pulls)
          it.pulled(pull, pull.range === 'due' ? [retry] : [shownRow(1)], pull.after, false, read)
      }
      const [id] = taken(it, 1)
      it.shed('http://a')
      it.ended(id ?? '', 'back', null)
      return id
    })
    t.same(probes, ['1', '3', '1', '3'], `with room for ${room}, read ${reads} times before each probe`)
  }
})

t.test('an origin that is probed gets to its retry, though all of its new rows wait behind that one', async t => {
  const it = backlog({ room: () => 1, slots: () => 1 })
  const retry = shownRow(1, { dueUs: 5 })
  shown(it, [retry])
  taken(it, 1)
  it.ended('1', 'back', null)
  for (let each = 1; each <= 6; each += 1) {
    it.rewind('http://a')
    const read = it.beginRead({ pulls: 9 })
    for (const pull of read.pulls)
      it.pulled(pull, pull.range === 'due' ? [retry] : [], { dueUs: pull.after.dueUs, id: String(each) }, false, read)
  }
  t.same(taken(it, 1), ['1'])
})

t.test('when all are freed each origin is asked again', async t => {
  let free = 0
  const it = backlog({ slots: () => free })
  shown(it, [shownRow(1), shownRow(2, { origin: 'http://b' })])
  t.same(taken(it, 9), [])
  free = 1
  t.same(taken(it, 9), [])
  it.freedAll()
  t.same(taken(it, 9), ['1', '2'])
})

t.test('an origin that gets more room is read as soon as it is freed', async t => {
  let room = 0
  const it = backlog({ room: () => room })
  it.rewind('http://a')
  t.notOk(it.wantsPulls, 'all of it is held')
  room = 4
  it.freedAll()
  t.ok(it.wantsPulls)
})

t.test(
  'beyond its room an origin is behind: its rows are pulled when half of the room is free, others come from the tip',
  async t => {
    const it = backlog({ room: () => 4 })
    shown(it, [...rows(1, 6), shownRow(7, { origin: 'http://b' })])
    t.equal(it.behind, 1)
    t.same(taken(it, 2), ['1', '7'])
    t.notOk(it.wantsPulls)
    t.same(taken(it, 1), ['2'])
    t.ok(it.wantsPulls, 'though nothing has ended: rows under way take up no room')
    const read = it.beginRead({ pulls: 9 })
    const url = { urlHash: null, otherUrls: [] }
    t.same(read.pulls, [
      {
        origin: 'http://a',
        ...url,
        range: 'fresh',
        after: { dueUs: null, id: '4' },
        upTo: { dueUs: null, id: '6' },
        room: 2,
      },
    ])
    t.same(taken(it, 9), ['3', '4'])
    const [pull] = read.pulls
    if (!pull) throw new Error('There is no pull')
    it.pulled(pull, rows(5, 6), { dueUs: null, id: '6' }, true, read)
    t.equal(it.behind, 0)
    t.same(taken(it, 9), ['5', '6'])
  },
)

t.test('the next row of a key is taken in where others fill the room, and there are bounds to that', async t => {
  const state = { room: 2 }
  const it = backlog({ room: () => state.room })
  const keyed = (id: number) => shownRow(id, { orderingKey: `k${id % 10}` })
  const fill = (ids: readonly number[]) => shown(it, ids.map(keyed))
  for (const ids of [
    [1, 2],
    [3, 4],
    [5, 6],
  ]) {
    fill(ids)
    t.equal(taken(it, 2).length, 2)
  }
  fill([7, 8])
  t.equal(it.behind, 0, 'the room is full now')
  for (const id of [1, 2, 3, 4]) it.ended(String(id), 'settled', keyed(10 + id))
  t.equal(it.behind, 0)
  it.ended('5', 'settled', keyed(15))
  t.equal(it.behind, 1, 'three times the room: this one is left for the reads')
  t.same(taken(it, 9), ['7', '8', '11', '12', '13', '14'])
  state.room = 0
  it.ended('11', 'settled', keyed(21))
  t.same(taken(it, 9), [], 'nothing is taken in while the origin is held')
})

t.test('with very many rows of an origin claimed and not recorded, memory takes in no other', async t => {
  const it = backlog({ memoryRows: 10_000, room: () => 10_000, slots: () => 10_000 })
  shown(it, rows(1, mostUnderWay))
  t.equal(taken(it, 10_000).length, mostUnderWay)
  shown(it, rows(mostUnderWay + 1, mostUnderWay + 2))
  t.equal(it.behind, 1)
  t.notOk(it.wantsPulls)
  it.ended('1', 'settled', null)
  t.ok(it.wantsPulls)
})

t.test('both ranges of an origin get their part of the room', async t => {
  for (const [room, parts] of [
    [7, { fresh: 4, due: 3 }],
    [1, { fresh: 1 }],
  ] as const) {
    const it = backlog({ room: () => room })
    it.rewind('http://a')
    const { pulls } = it.beginRead({ pulls: 9 })
    t.same(Object.fromEntries(pulls.map(pull => [pull.range, pull.room])), parts)
  }
})

t.test('while memory is full of what cannot go, those are pulled that can start something', async t => {
  const it = backlog({ memoryRows: 3, slots: origin => (origin === 'http://dead' ? 0 : 10) })
  shown(it, rows(1, 3, { origin: 'http://dead' }))
  it.rewind('http://dead')
  it.rewind('http://well')
  t.same(taken(it, 9), [])
  t.ok(it.wantsPulls)
  const read = it.beginRead({ pulls: 9 })
  t.same([...new Set(read.pulls.map(({ origin }) => origin))], ['http://well'])
  const [pull] = read.pulls
  if (!pull) throw new Error('There is no pull')
  it.pulled(pull, [shownRow(9, { origin: 'http://well' })], { dueUs: null, id: '9' }, true, read)
  t.equal(it.size, 3)
  t.same(taken(it, 1), ['9'])
  t.notOk(it.wantsPulls, 'the wire got all that it asked for')
})

t.test('a row that is settled while a read is out is not taken from it, unless it was replayed', async t => {
  const it = backlog()
  shown(it, [shownRow(1), shownRow(2)])
  taken(it, 9)
  const read = it.beginRead()
  it.ended('1', 'settled', null)
  it.ended('2', 'settled', null)
  it.offer([shownRow(1), shownRow(2, { dueUs: 5 })], read)
  t.same(taken(it, 9), ['2'])
})

t.test('a row that the tip shows waits behind those of its range that wait in the table', async t => {
  const it = backlog({ room: () => 2 })
  shown(it, rows(1, 3))
  taken(it, 9)
  it.ended('1', 'settled', null)
  shown(it, [shownRow(4)])
  t.same(taken(it, 9), [])
  shown(it, [shownRow(5, { dueUs: 5 })])
  t.same(taken(it, 9), ['5'], 'the other range is dry')
})

t.test('a key is asked again when the row that is named was settled meanwhile', async t => {
  const it = backlog()
  shown(it, [shownRow(1, { orderingKey: 'k' })])
  taken(it, 1)
  it.hinted('1')
  const read = it.beginRead({ questions: 9 })
  const [question] = read.questions
  if (!question) throw new Error('There is no question')
  it.ended('1', 'settled', null)
  t.notOk(it.wantsAnswers)
  it.answered(question, 'k', shownRow(1, { orderingKey: 'k' }), read)
  t.equal(it.size, 0)
  t.ok(it.wantsAnswers)
})

t.test('a claim whose reply was lost is given back, and its row then comes with its new due time', async t => {
  const it = backlog()
  shown(it, [shownRow(1)])
  taken(it, 1)
  it.refused('1', { why: 'claimed here', row: shownRow(1, { standing: 'claimed here', rev: 7 }) }, 0)
  t.same(it.messages.takeReleases(), [{ id: '1', rev: 7 }])
  shown(it, [shownRow(1, { dueUs: 5, rev: 8 })])
  t.same(taken(it, 9), [], 'the release is not answered yet')
  it.ended('1', 'back', null)
  t.same(taken(it, 9), ['1'])
})

t.test('the first row of a key is told to the relay that owns its origin', async t => {
  const it = backlog({ isMine: origin => origin === 'http://a', hints: 1 })
  shown(
    it,
    rows(1, 3).map((each, index) => ({ ...each, orderingKey: `k${index}` })),
  )
  taken(it, 9)
  it.ended('1', 'settled', shownRow(4, { orderingKey: 'k0', origin: 'http://b' }))
  t.same(it.messages.takeHints(), { ids: ['4'], isSweep: false })
  t.same(it.messages.takeHints(), { ids: [], isSweep: false })
  it.ended('2', 'settled', shownRow(5, { orderingKey: 'k1', origin: 'http://b' }))
  it.ended('3', 'settled', shownRow(6, { orderingKey: 'k2', origin: 'http://b' }))
  t.same(it.messages.takeHints(), { ids: ['5'], isSweep: true })
})

t.test('rows of an origin that goes are forgotten, but for those under way', async t => {
  const it = backlog()
  shown(it, rows(1, 2))
  taken(it, 1)
  it.beginSweep()
  it.setView(() => false)
  t.equal(it.size, 1)
  t.ok(it.isUnderWay('1'))
  t.ok(it.wantsSweep)
  it.refused('1', { why: 'free', row: shownRow(1) }, 0)
  t.equal(it.size, 0)
})

t.test('a row is awaited if a later one of its key was read before its claim, or after it', async t => {
  const it = backlog()
  shown(it, [...rows(1, 2, { orderingKey: 'k' }), shownRow(3, { orderingKey: 'l' })])
  t.same(taken(it, 9), ['1', '3'])
  t.ok(it.isAwaited('1'), 'the rows of one transaction are read at once')
  t.notOk(it.isAwaited('3'))
  shown(it, [shownRow(4, { orderingKey: 'l' })])
  t.ok(it.isAwaited('3'))
})
