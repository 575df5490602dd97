import fc from 'fast-check'
import t from 'tap'
import { idEnd } from '../../src/ids.ts'
import type { IndexPlace, RangeName, ShownRow } from '../../src/model.ts'
import { longLookBack, longLookPauseMs, mostGaps, pageRows, shortLookBack } from '../../src/policy/tuning.ts'
import { Tip, type TipRead } from '../../src/relay/tip.ts'
import { shownRow } from '../fixtures/shown-row.ts'

function row(id: number, dueUs: number | null = null): ShownRow {
  return shownRow(id, { dueUs })
}

/** What a read of the fresh range finds among these. */
function inGaps(rows: readonly ShownRow[], { gaps, limit }: Pick<TipRead, 'gaps' | 'limit'>): ShownRow[] {
  return gaps.flatMap(({ after, upTo }) =>
    rows.filter(({ id }) => Number(id) > Number(after) && Number(id) <= Number(upTo)).slice(0, limit),
  )
}

/** A tip over entries that a test commits; ids only, in the fresh range. */
function staged(from = 0) {
  const tip = new Tip('fresh')
  tip.restart({ dueUs: null, id: String(from) }, 0)
  const committed = new Set<number>()
  const read = (now: number) => {
    const next = tip.read(now)
    const rows = [...committed].sort((a, b) => a - b).map(id => row(id))
    return { ...next, shown: tip.show(inGaps(rows, next), next).map(({ id }) => Number(id)) }
  }
  const commit = (...ids: number[]) => {
    for (const id of ids) committed.add(id)
  }
  return { tip, read, commit }
}

t.test('each entry is shown once, however often it is read', async t => {
  const { read, commit } = staged()
  commit(1, 2)
  t.same(read(0).shown, [1, 2])
  commit(3)
  t.same(read(10).shown, [3])
  t.same(read(1_000).shown, [])
})

t.test('one that is committed late is shown when others behind it were shown before', async t => {
  const { read, commit } = staged()
  commit(2)
  t.same(read(0).shown, [2])
  commit(1)
  t.same(read(400).shown, [1])
})

t.test('a read begins where the reading was half a second before the last one', async t => {
  const { read, commit } = staged()
  read(0)
  commit(10)
  read(1_000)
  commit(20)
  read(1_300)
  t.equal(read(1_310).after.id, '0', 'what was read 310 ms before the last one may have been too early')
  t.equal(read(1_800).after.id, '0')
  // The long looks are over for 200 ms.
  t.equal(read(1_900).after.id, '20', 'the last one began at 1,800')
})

t.test('now and then it begins where it was ten seconds before', async t => {
  const { read, commit } = staged()
  const begins: string[] = []
  for (let now = 0; now <= 20_000; now += 100) {
    commit(now + 1)
    begins.push(read(now).after.id)
  }
  const looks = begins.slice(-4).map(id => 20_000 - Number(id))
  t.ok(looks.filter(back => back >= longLookBack.ms).length === 2, `${looks}: one in ${longLookPauseMs} ms`)
  t.ok(looks.filter(back => back >= shortLookBack.ms && back < 1_000).length === 2, String(looks))
})

t.test('a long look that takes long is followed by short ones, for twenty times as long', async t => {
  const { tip, commit, read } = staged()
  read(0)
  commit(1)
  read(5_000)
  commit(2)
  read(9_000)
  const long = tip.read(10_000)
  t.equal(long.after.id, '0')
  tip.show([row(1), row(2)], long, 10_030)
  t.equal(read(10_230).after.id, '2')
  t.equal(read(10_629).after.id, '2')
  const next = tip.read(10_630)
  t.equal(next.isLong, true)
  tip.show([], next, 16_000)
  t.equal(read(16_999).isLong, false)
  t.equal(read(17_000).isLong, true, 'it pauses no longer than a sweep')
})

t.test('a bulk insert is not read again and again: the look back is bounded by rows, too', async t => {
  const { read, commit } = staged()
  let [last, now] = [0, 0]
  for (let n = 0; n < 30; n += 1) {
    commit(...Array.from({ length: 900 }, (_, at) => last + at + 1))
    last += 900
    now += 25
    read(now)
  }
  const [long, short] = [read(now + 200), read(now + 201)]
  t.ok(last - Number(long.after.id) <= longLookBack.rows + 900)
  t.ok(last - Number(short.after.id) <= shortLookBack.rows + 900)
  t.same(long.gaps, [{ after: String(last), upTo: idEnd }], 'nothing of it is read again')
  t.equal(long.limit, pageRows)
})

t.test('of many gaps some are read as one, and what is committed late is found in whichever it is', async t => {
  const { read, commit } = staged()
  const ids = Array.from({ length: 3_000 }, (_, n) => 2 * n + 1)
  for (let from = 0, now = 0; from < ids.length; from += 1_000, now += 1) {
    commit(...ids.slice(from, from + 1_000))
    read(now)
  }
  t.equal(read(10).gaps.length, mostGaps)
  commit(2, 3_000, 5_998)
  t.same(read(300).shown, [2, 3_000, 5_998])
})

t.test('a full page is found however many are read again with it', async t => {
  const { read, commit } = staged()
  commit(...Array.from({ length: 4_000 }, (_, n) => n + 1))
  const counts = [1, 2, 3, 4, 5].map(now => read(now).shown.length)
  t.same(counts, [1_000, 1_000, 1_000, 1_000, 0])
})

t.test('after a restart it goes on from there', async t => {
  const { tip, read, commit } = staged()
  commit(1, 2, 3)
  read(0)
  tip.restart({ dueUs: null, id: '100' }, 10)
  t.same(tip.reached, { dueUs: null, id: '100' })
  commit(50, 101)
  const { after, shown } = read(20)
  t.equal(after.id, '100')
  t.same(shown, [101])
  commit(102)
  t.same(read(5_000).shown, [102])
})

t.test('a row that gets another due time is shown again, and rows of one time by their ids', async t => {
  const tip = new Tip('due')
  t.same(tip.reached, { dueUs: Number.NEGATIVE_INFINITY, id: '0' })
  const shown = (now: number, ...rows: ShownRow[]) => tip.show(rows, tip.read(now)).map(({ id }) => id)
  t.same(shown(0, row(7, 100), row(8, 100)), ['7', '8'])
  t.same(tip.reached, { dueUs: 100, id: '8' })
  t.same(shown(10, row(7, 100), row(8, 100), row(9, 100), row(8, 200)), ['9', '8'])
  t.same(tip.reached, { dueUs: 200, id: '8' })
  t.same(shown(20, row(6, 150)), ['6'], 'a time that lies before what was reached')
  t.same(tip.reached, { dueUs: 200, id: '8' }, 'it does not go back')
})

/** An entry gets its place at `at`, and can be seen `openMs` later; or never. */
const entry = fc.record({
  afterMs: fc.nat({ max: 120 }),
  openMs: fc.oneof(fc.nat({ max: 600 }), fc.nat({ max: 12_000 })),
  isRolledBack: fc.boolean(),
})
const pauses = fc.infiniteStream(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 900 })))

for (const range of ['fresh', 'due'] as const)
  t.test(
    `${range}: in whatever order entries are committed, those within the overlap are shown, each once`,
    async () => {
      fc.assert(
        fc.property(fc.array(entry, { maxLength: 120, size: 'max' }), pauses, (entries, stream) => {
          let at = 1_000
          const all = entries.map(({ afterMs, openMs, isRolledBack }, n) => {
            at += afterMs
            // In the due range the time is the place; those of one millisecond stand by their ids.
            const place = range === 'fresh' ? row(n + 1) : row(entries.length - n, at * 1_000)
            return { place, openMs, seenAt: isRolledBack ? Number.POSITIVE_INFINITY : at + openMs }
          })
          const { reads, shown } = readAll(range, all, at + 15_000, stream)
          return all.every(({ place, openMs, seenAt }) => {
            const times = shown.get(place.id) ?? []
            const isFound = times.length === 1 && times[0] !== undefined
            if (seenAt < at + 15_000 - 900 && openMs < shortLookBack.ms)
              return isFound && times[0] === reads.find(time => time >= seenAt)
            const isWithin = Number.isFinite(seenAt) && openMs < longLookBack.ms - longLookPauseMs - 900
            return isFound || (!isWithin && times.length === 0)
          })
        }),
      )
    },
  )

/** Reads until `end` with these pauses; when, and when each entry was shown. */
function readAll(
  range: RangeName,
  entries: readonly { readonly place: ShownRow; readonly seenAt: number }[],
  end: number,
  pauses: Iterable<number>,
): { readonly reads: readonly number[]; readonly shown: ReadonlyMap<string, readonly number[]> } {
  const tip = new Tip(range)
  const reads: number[] = []
  const shown = new Map<string, number[]>()
  let now = 0
  for (const pauseMs of pauses) {
    now += pauseMs
    if (now > end) break
    reads.push(now)
    const next = tip.read(now)
    const all = entries
      .filter(({ place, seenAt }) => seenAt <= now && comparePlaces(place, next.after) > 0)
      .map(({ place }) => place)
      .sort(comparePlaces)
    const found = range === 'fresh' ? inGaps(all, next) : all.slice(0, next.limit)
    for (const { id } of tip.show(found, next)) shown.set(id, [...(shown.get(id) ?? []), now])
  }
  return { reads, shown }
}

function comparePlaces(a: IndexPlace, b: IndexPlace): number {
  return (a.dueUs ?? 0) === (b.dueUs ?? 0) ? Number(a.id) - Number(b.id) : (a.dueUs ?? 0) < (b.dueUs ?? 0) ? -1 : 1
}
