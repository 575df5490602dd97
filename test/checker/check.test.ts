import t from 'tap'
import { deleteOld } from '../fixtures/history.ts'
import { check } from './check.ts'
import { type CheckOptions, type ViolationKind, violationKinds } from './history.ts'
import { cleanHistory, keptMs, type Mutant, mutants, superseded, unkeptHistory } from './mutants.ts'

const seeds = [1, 2, 3, 4, 5]

for (const seed of seeds) {
  t.test(`nothing is found in a clean history, seed ${seed}`, async t => {
    for (const drained of [true, false]) {
      const { violations, committed, duplicates } = check(cleanHistory(seed), { drained })
      t.same(violations, [])
      t.ok(committed > 350 && duplicates > 10, `${committed} committed, ${duplicates} duplicates`)
    }
  })

  t.test(`nor where the janitor deletes, or nothing delivered is kept, seed ${seed}`, async t => {
    const draft = cleanHistory(seed)
    deleteOld(draft, keptMs)
    t.same(check(draft, { drained: true, keptMs }).violations, [])
    const unkept = check(unkeptHistory(seed), { drained: true, keepsDelivered: false })
    t.same(unkept.violations, [])
    t.ok(unkept.committed > 350, 'those in doubt that have arrived count as well')
  })
}

t.test('a row that a newer one of its keys has superseded is not lost', async t => {
  for (const seed of seeds) {
    const draft = cleanHistory(seed)
    superseded(draft, row => {
      const newer = draft.callbacks.find(({ id, key }) => key === row.key && Number(id) > Number(row.id))
      return newer?.id ?? ''
    })
    t.same(check(draft, { drained: true }).violations, [], `seed ${seed}`)
  }
})

interface Planted extends Mutant {
  readonly options: CheckOptions
  /** The janitor deletes half of the delivered rows. */
  readonly deletes: boolean
}

const planted = mutants.flatMap((mutant): readonly Planted[] => {
  if (mutant.keepsNothing) return [{ ...mutant, options: { ...mutant.options, keepsDelivered: false }, deletes: false }]
  const options = { ...mutant.options, keptMs }
  return [false, true].map(deletes => ({ ...mutant, options, deletes }))
})

for (const { name, kind, options, plant, keepsNothing, deletes } of planted) {
  t.test(`${kind}: ${name}${deletes ? ', and the janitor deletes' : ''}`, async t => {
    for (const seed of seeds) {
      const draft = keepsNothing ? unkeptHistory(seed) : cleanHistory(seed)
      const messageId = plant(draft)
      if (deletes) deleteOld(draft, keptMs)
      const { violations, counts } = check(draft, options)
      const kinds = new Set(violations.map(each => each.kind))
      t.same([...kinds], [kind], `seed ${seed}: that kind, and no other`)
      t.ok(
        violations.some(each => each.messageId === messageId),
        `seed ${seed}: the callback is named`,
      )
      t.equal(counts[kind], violations.length)
    }
  })
}

t.test('there is a mutant of every kind', async t => {
  const planted = new Set<ViolationKind>(mutants.map(({ kind }) => kind))
  t.same(
    violationKinds.filter(kind => !planted.has(kind)),
    [],
  )
})

t.test('without a book of the producers, the table stands for it', async t => {
  const draft = { ...cleanHistory(1), written: null, acts: [] }
  t.same(check(draft, { drained: true }).violations, [])
})

t.test('of a row that was never sent, nobody knows when it was there: it is counted, not judged', async t => {
  const draft = { ...cleanHistory(1), written: null, acts: [] }
  t.ok(check(draft).undecided > 0)
})

t.test('what was refused before has not arrived twice', async t => {
  const arrival = (attempt: number, answered: number | null) => ({
    messageId: 'm',
    attempt,
    body: null,
    at: attempt,
    answered,
  })
  const duplicates = (...answers: (number | null)[]) => {
    const arrivals = answers.map((answered, before) => arrival(before + 1, answered))
    return check({ written: [], acts: [], arrivals, callbacks: [], attempts: [] }).duplicates
  }
  t.equal(duplicates(500, 503, 200), 0)
  t.equal(duplicates(null, 200), 0)
  t.equal(duplicates(200, 200, 500), 2)
})

t.test('a commit in doubt may be there or not', async t => {
  const draft = cleanHistory(1)
  const doubtful = draft.written.filter(({ committedAt }) => committedAt === 'unknown')
  t.ok(doubtful.length > 3)
  const gone = new Set(doubtful.map(({ messageId }) => messageId))
  const ids = new Set(draft.callbacks.flatMap(({ id, messageId }) => (gone.has(messageId) ? id : [])))
  draft.callbacks = draft.callbacks.filter(({ id }) => !ids.has(id))
  draft.attempts = draft.attempts.filter(({ messageId }) => !gone.has(messageId))
  draft.arrivals = draft.arrivals.filter(({ messageId }) => !gone.has(messageId))
  t.same(check(draft, { drained: true }).violations, [])
})

t.test('a row that a hold has set aside is not stuck, however long it waits', async t => {
  const draft = cleanHistory(1)
  const row = draft.callbacks.find(({ status, attempts, key }) => status === 'dead' && attempts > 0 && key === null)
  if (!row) throw new Error('no such row')
  Object.assign(row, { status: 'pending', dueAt: Infinity, settledAt: null, lastError: null })
  const readAt = row.createdAt + 365 * 24 * 3_600_000
  const stuck = () => check(draft, { readAt }).violations.filter(({ kind }) => kind === 'stuck')
  t.same(stuck(), [])
  Object.assign(row, { dueAt: row.createdAt })
  t.match(stuck(), [{ messageId: row.messageId }])
})

t.test('what is under way now is neither unrecorded nor stuck', async t => {
  const draft = cleanHistory(1)
  const row = draft.callbacks.find(
    ({ status, attempts, key }) => status === 'delivered' && attempts === 1 && key === null,
  )
  if (!row) throw new Error('no such row')
  Object.assign(row, { status: 'claimed', claimedAt: row.settledAt, settledAt: null })
  draft.attempts = draft.attempts.filter(({ messageId }) => messageId !== row.messageId)
  t.same(check(draft).violations, [])
  t.match(check(draft, { drained: true }).violations, [{ kind: 'lost', messageId: row.messageId }])
})

t.test('what is settled between two records of its last attempt, and replayed, was out of the way', async t => {
  const written = [1, 2].map(n => {
    return { messageId: `m${n}`, id: `${n}`, key: 'k', insertingAt: 10 * n, committedAt: 10 * n + 1, bodies: null }
  })
  const row = { key: 'k', status: 'delivered', lastError: null, createdAt: 0, claimedAt: 0, dueAt: null } as const
  const callbacks = [
    { ...row, id: '1', messageId: 'm1', attempts: 2, budgetFrom: 1, settledAt: 145 },
    { ...row, id: '2', messageId: 'm2', attempts: 1, budgetFrom: 0, settledAt: 130 },
  ]
  const record = (messageId: string, attempt: number, startedAt: number, finishedAt: number, isDelivered = true) => {
    const seen = isDelivered
      ? ({ outcome: 'delivered', httpStatus: 200 } as const)
      : ({ outcome: 'unknown', httpStatus: null } as const)
    return { messageId, attempt, startedAt, finishedAt, ...seen }
  }
  const arrival = (messageId: string, attempt: number, at: number) => ({
    messageId,
    attempt,
    body: null,
    at,
    answered: 200,
  })
  const history = {
    written,
    acts: [{ messageId: 'm1', act: 'replay', attempts: 1 }] as const,
    arrivals: [arrival('m2', 1, 128), arrival('m1', 2, 143)],
    callbacks,
    // The record of the relay that took over, then the late one of the relay that had sent it. The row expired at 121.
    attempts: [
      record('m1', 1, 110, 120, false),
      record('m1', 1, 110, 150, false),
      record('m1', 2, 140, 145),
      record('m2', 1, 125, 130),
    ],
  }
  t.same(check(history, { drained: true }).violations, [])
  history.attempts[3] = record('m2', 1, 115, 130)
  t.match(check(history, { drained: true }).violations, [{ kind: 'inversion', messageId: 'm2' }])
})
