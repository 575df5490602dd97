import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Log } from '../../src/log/log.ts'
import type { Attempt, Decision } from '../../src/model.ts'
import { quickRecordMs } from '../../src/policy/tuning.ts'
import { Recorder } from '../../src/relay/recorder.ts'
import { mockClock } from '../fixtures/mock-clock.ts'
import { RecordingSession } from '../fixtures/recording-session.ts'
import { shownRow } from '../fixtures/shown-row.ts'

const delivered: Decision = { status: 'delivered' }
const retry: Decision = { status: 'pending', retryInMs: 500, reason: 'HTTP 500' }
const dead: Decision = { status: 'dead', reason: 'gave up' }

function attemptOf(
  id: string | number,
  decision: Decision = delivered,
  { attempt = 1, epoch = '9', rev = 1 }: Partial<Pick<Attempt, 'attempt' | 'epoch' | 'rev'>> = {},
): Attempt {
  const nothing = { httpStatus: null, error: null, responseExcerpt: 'body', retryAfterMs: null }
  const outcome = { kind: 'delivered' as const, ...nothing, startedAtMs: 0, finishedAtMs: 1 }
  return { id: String(id), messageId: `message ${id}`, attempt, epoch, writtenEpoch: epoch, rev, outcome, decision }
}

function staged(rows: number, isUrgent?: (attempt: Attempt) => boolean, isBusy = () => false) {
  const stand = new RecordingSession()
  for (let id = 0; id < rows; id++) stand.claimed(String(id))
  const told: string[] = []
  const named: string[] = []
  const lines: string[] = []
  const note = (event: string) => void lines.push(event)
  const log: Log = { trace: note, debug: note, info: note, warn: note, error: note, fatal: note, writes: () => true }
  const recorder = new Recorder(
    { relay: () => 'relay', epoch: () => '9', log, isBusy, ...(isUrgent ? { isUrgent } : {}) },
    {
      recorded: ({ id }, { next }) => {
        told.push(`recorded ${id}`)
        if (next) named.push(next.id)
      },
      repeated: ({ id }) => void told.push(`repeated ${id}`),
      overtaken: ({ id }) => void told.push(`overtaken ${id}`),
      lost: ({ id }) => void told.push(`lost ${id}`),
    },
  )
  return { stand, recorder, told, named, lines }
}

/** A recorder at work, whose clock and timers the test moves. */
function atWork(t: Test, isUrgent: (attempt: Attempt) => boolean, isBusy = () => false) {
  mock.timers.enable({ apis: ['setTimeout'] })
  const clock = mockClock(t)
  const stage = staged(200, isUrgent, isBusy)
  const ends = new AbortController()
  const running = stage.recorder.run(stage.stand.session, ends.signal)
  t.teardown(async () => {
    ends.abort()
    await running
    mock.timers.reset()
  })
  const pass = async (ms: number) => {
    clock.now += ms
    mock.timers.tick(ms)
    for (let n = 0; n < 10; n += 1) await turn()
  }
  return { ...stage, pass }
}

t.test('an outcome waits for others for five milliseconds', async t => {
  const { recorder, stand, pass } = atWork(t, () => false)
  for (let id = 0; id < 4; id++) {
    recorder.add(attemptOf(id))
    await pass(1)
  }
  t.same(stand.records, [])
  await pass(1)
  t.same(stand.records, [['0', '1', '2', '3']])
})

t.test('an urgent outcome goes at once, with those that wait', async t => {
  const { recorder, stand, pass } = atWork(t, ({ id }) => id === '1')
  recorder.add(attemptOf(0))
  await pass(1)
  recorder.add(attemptOf(1))
  await pass(0)
  t.same(stand.records, [['0', '1']])
})

t.test('so do sixty-four', async t => {
  const { recorder, stand, pass } = atWork(t, () => false)
  for (let id = 0; id < 63; id++) recorder.add(attemptOf(id))
  await pass(0)
  t.same(stand.records, [])
  recorder.add(attemptOf(63))
  await pass(0)
  t.same(stand.records.length, 1)
})

t.test('while callbacks are claimed ahead, an outcome waits for fifteen milliseconds, or for 192', async t => {
  let isBusy = true
  const { recorder, stand, pass } = atWork(
    t,
    () => false,
    () => isBusy,
  )
  for (let id = 0; id < 191; id++) recorder.add(attemptOf(id))
  await pass(14)
  t.same(stand.records, [])
  await pass(1)
  t.same(stand.records.length, 1)
  for (let id = 0; id < 192; id++) recorder.add(attemptOf(id))
  await pass(0)
  t.same(stand.records.length, 2)
  recorder.add(attemptOf(0))
  await pass(1)
  isBusy = false
  recorder.add(attemptOf(1))
  await pass(4)
  t.same(stand.records.length, 2)
  await pass(1)
  t.same(stand.records.length, 3, 'no longer: for five')
})

t.test('batches of 200 at most, in the order they came', async t => {
  const { stand, recorder, told } = staged(450)
  for (let id = 0; id < 450; id++) recorder.add(attemptOf(id))
  t.equal(recorder.backlog, 450)
  while (recorder.backlog > 0) await recorder.flush(stand.session)
  t.same(
    stand.records.map(({ length }) => length),
    [200, 200, 50],
  )
  t.same(
    told,
    Array.from({ length: 450 }, (_, id) => `recorded ${id}`),
  )
})

t.test('one attempt of a callback in a batch, the next one in the next', async t => {
  const { stand, recorder } = staged(2)
  recorder.add(attemptOf(0, retry))
  recorder.add(attemptOf(0, delivered, { attempt: 2 }))
  recorder.add(attemptOf(1))
  await recorder.flush(stand.session)
  await recorder.flush(stand.session)
  t.same(stand.records, [['0', '1'], ['0']])
})

t.test('the first outcome goes at once; those that come while it is under way form the next batch', async t => {
  const { stand, recorder } = staged(3)
  const ends = new AbortController()
  const open = stand.hold()
  const first = stand.arrival()
  const run = recorder.run(stand.session, ends.signal)
  recorder.add(attemptOf(0))
  await first
  recorder.add(attemptOf(1))
  recorder.add(attemptOf(2))
  t.equal(recorder.backlog, 3)
  const second = stand.arrival()
  open()
  await second
  ends.abort()
  await run
  t.same(stand.records, [['0'], ['1', '2']])
  t.equal(recorder.backlog, 0)
})

t.test('an attempt is held until it is committed', async t => {
  const { stand, recorder } = staged(1)
  const open = stand.hold()
  recorder.add(attemptOf(0))
  t.ok(recorder.holds('0'))
  const flushed = recorder.flush(stand.session)
  t.ok(recorder.holds('0'))
  open()
  await flushed
  t.notOk(recorder.holds('0'))
})

t.test('nothing is dropped when the session fails: it goes first in the next one', async t => {
  const { stand, recorder, told } = staged(300)
  for (let id = 0; id < 300; id++) recorder.add(attemptOf(id))
  stand.failNext('before')
  await t.rejects(recorder.flush(stand.session), /connection ended/)
  t.equal(recorder.backlog, 300)
  t.same(told, [])
  while (recorder.backlog > 0) await recorder.flush(stand.session)
  t.same(
    told,
    Array.from({ length: 300 }, (_, id) => `recorded ${id}`),
  )
})

t.test('after a record without an answer the next one has half as many, until one passes', async t => {
  const clock = mockClock(t)
  const { stand, recorder, told } = staged(1_000)
  for (let id = 0; id < 400; id++) recorder.add(attemptOf(id))
  stand.mostRows = 60
  for (let tries = 0; recorder.backlog > 0 && tries < 20; tries += 1) {
    const flushed = recorder.flush(stand.session)
    clock.now += quickRecordMs
    await flushed.catch(() => {})
  }
  t.same(
    stand.records.map(({ length }) => length),
    [200, 100, 50, 50, 50, 50, 50, 50, 50, 50],
  )
  t.same(
    told,
    Array.from({ length: 400 }, (_, id) => `recorded ${id}`),
  )
  stand.mostRows = Number.POSITIVE_INFINITY
  recorder.add(attemptOf(0))
  await recorder.flush(stand.session)
  for (let id = 400; id < 1_000; id++) recorder.add(attemptOf(id))
  while (recorder.backlog > 0) await recorder.flush(stand.session)
  t.same(
    stand.records.slice(11).map(({ length }) => length),
    [50, 100, 200, 200, 50],
    'full ones that are quick grow again, up to the most',
  )
})

t.test(
  'a batch takes no more outcomes once their excerpts have a million characters; those of a callback stay in order',
  async t => {
    const { stand, recorder } = staged(40)
    const long = (attempt: Attempt): Attempt => ({
      ...attempt,
      outcome: { ...attempt.outcome, responseExcerpt: 'x'.repeat(65_536) },
    })
    for (let id = 0; id < 39; id++) recorder.add(long(attemptOf(id, retry)))
    recorder.add(attemptOf(38, delivered, { attempt: 2, rev: 2 }))
    recorder.add(attemptOf(39))
    while (recorder.backlog > 0) await recorder.flush(stand.session)
    t.same(
      stand.records.map(({ length }) => length),
      [16, 16, 8, 1],
    )
    t.same(stand.records[3], ['38'])
  },
)

t.test(
  'when the reply was lost it is sent again; what has become what was decided is not called overtaken for that',
  async t => {
    const { stand, recorder, told } = staged(3)
    const decisions = [delivered, dead, retry]
    decisions.forEach((decision, id) => void recorder.add(attemptOf(id, decision)))
    stand.failNext('after')
    await t.rejects(recorder.flush(stand.session), /reply was lost/)
    while (recorder.backlog > 0) await recorder.flush(stand.session)
    t.same(told, ['repeated 0', 'repeated 1', 'repeated 2'])
    t.equal(recorder.backlog, 0)
  },
)

t.test('a row that has gone on without us is overtaken; one that is not there counts as settled', async t => {
  const { stand, recorder, told } = staged(0)
  stand.claimed('1', 2)
  stand.claimed('2', 1, '10')
  stand.rows.set('3', { status: 'cancelled', attempts: 1, claimedEpoch: '9' })
  stand.rows.set('5', { status: 'claimed', attempts: 1, claimedEpoch: '9', rev: 3 })
  for (const id of ['1', '2', '3', '4', '5']) recorder.add(attemptOf(id))
  await recorder.flush(stand.session)
  t.same(told, ['overtaken 1', 'overtaken 2', 'overtaken 3', 'repeated 4', 'overtaken 5'])
  t.equal(stand.rows.get('5')?.status, 'claimed', 'released and claimed again: attempts repeat, and `rev` tells')
})

t.test('a row with the same id and another message_id is not ours, however alike: ours was lost', async t => {
  const { stand, recorder, told } = staged(0)
  for (const status of ['claimed', 'pending', 'delivered'])
    stand.rows.set(status, { messageId: 'other', status, attempts: 1, claimedEpoch: '10' })
  stand.rows.set('same', { messageId: 'other', status: 'delivered', attempts: 1, claimedEpoch: '9' })
  for (const id of stand.rows.keys()) recorder.add(attemptOf(id))
  await recorder.flush(stand.session)
  t.same(told, ['lost claimed', 'lost pending', 'lost delivered', 'lost same'])
  t.equal(recorder.backlog, 0)
})

t.test(
  'a row that somebody has locked comes again soon, counts as unrecorded meanwhile, and holds up nobody',
  async t => {
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    const { stand, recorder, told } = staged(2)
    stand.rows.set('0', { status: 'claimed', attempts: 1, claimedEpoch: '9', isLocked: true })
    recorder.add(attemptOf(0))
    recorder.add(attemptOf(1))
    await recorder.flush(stand.session)
    t.same(told, ['recorded 1'])
    t.equal(recorder.backlog, 1)
    t.ok(recorder.holds('0'))
    stand.claimed('0')
    mock.timers.tick(250)
    t.equal(recorder.backlog, 1)
    await recorder.flush(stand.session)
    t.same(told, ['recorded 1', 'recorded 0'])
    t.equal(recorder.backlog, 0)
  },
)

t.test('a 2xx settles a row that an heir has released, even if the row was just being changed', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { stand, recorder, told } = staged(0)
  stand.rows.set('0', { status: 'pending', attempts: 1, claimedEpoch: '9', isLocked: true })
  stand.rows.set('1', { status: 'pending', attempts: 1, claimedEpoch: '9', isLocked: true })
  recorder.add(attemptOf(0))
  recorder.add(attemptOf(1, dead))
  await recorder.flush(stand.session)
  t.same(told, ['overtaken 1'], 'only a 2xx still counts')
  stand.claimed('0')
  mock.timers.tick(250)
  await recorder.flush(stand.session)
  t.same(told, ['overtaken 1', 'recorded 0'])
})

t.test('an outcome whose texts the database refuses is recorded without them, and the others as they are', async t => {
  const { stand, recorder, told, lines } = staged(100)
  stand.refuses = (id, reason) => id === '37' && reason === 'gave up'
  for (let id = 0; id < 100; id++) recorder.add(attemptOf(id, dead))
  await recorder.flush(stand.session)
  t.equal(told.length, 100)
  t.ok(told.every(event => event.startsWith('recorded')))
  t.equal(stand.reasons.get('36'), 'gave up')
  t.equal(stand.reasons.get('37'), 'could not be stored: invalid byte sequence')
  t.same(lines, ['record_refused'])
  t.ok(stand.records.length < 20, `${stand.records.length} statements`)
})

t.test(
  'rows that are refused for other reasons than their values rest, and do not count among what presses',
  async t => {
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    const { stand, recorder, told, lines } = staged(3)
    stand.refusalCode = 'P0001'
    stand.refuses = id => id === '1'
    for (let id = 0; id < 3; id++) recorder.add(attemptOf(id, dead))
    await recorder.flush(stand.session)
    t.same(told, ['recorded 0', 'recorded 2'])
    t.same([recorder.backlog, recorder.pressing], [1, 0])
    for (const tick of [1_000, 2_000, 4_000]) {
      mock.timers.tick(tick - 1)
      t.equal(recorder.pressing, 0)
      mock.timers.tick(1)
      t.equal(recorder.pressing, 1)
      await recorder.flush(stand.session)
    }
    t.equal(stand.reasons.has('1'), false, 'its texts are not taken away')
    t.same(lines, Array(4).fill('record_refused'))
  },
)

t.test('one that is refused even so is kept for later, and holds up nobody', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { stand, recorder, told } = staged(3)
  stand.refuses = id => id === '1'
  for (let id = 0; id < 3; id++) recorder.add(attemptOf(id, dead))
  await recorder.flush(stand.session)
  t.same(told, ['recorded 0', 'recorded 2'])
  t.equal(recorder.backlog, 1)
  stand.refuses = () => false
  mock.timers.tick(60_000)
  await recorder.flush(stand.session)
  t.same(told, ['recorded 0', 'recorded 2', 'recorded 1'])
})

t.test('a session that fails in the middle of a halved batch loses and repeats nothing', async t => {
  const { stand, recorder, told } = staged(8)
  stand.refuses = (id, reason) => id === '7' && reason === 'gave up'
  for (let id = 0; id < 8; id++) recorder.add(attemptOf(id, dead))
  const first = stand.arrival()
  const flushed = recorder.flush(stand.session)
  await first
  stand.failNext('before')
  await t.rejects(flushed, /connection ended/)
  while (recorder.backlog > 0) await recorder.flush(stand.session)
  t.same(
    [...told].sort(),
    Array.from({ length: 8 }, (_, id) => `recorded ${id}`),
  )
})

t.test('whatever fails and whenever, each outcome is told once and none is lost', async () => {
  const failures = fc.array(fc.option(fc.constantFrom('before' as const, 'after' as const)), {
    maxLength: 12,
    size: 'max',
  })
  const bad = fc.uniqueArray(fc.nat({ max: 29 }), { maxLength: 4 })
  const property = fc.asyncProperty(failures, bad, async (when, refused) => {
    const { stand, recorder, told } = staged(30)
    stand.refuses = (id, reason) => refused.includes(Number(id)) && reason === 'gave up'
    for (let id = 0; id < 30; id++) recorder.add(attemptOf(id, dead))
    for (const failure of when) {
      if (failure) stand.failNext(failure)
      await recorder.flush(stand.session).catch(() => {})
    }
    for (let tries = 0; recorder.backlog > 0 && tries < 50; tries++) await recorder.flush(stand.session).catch(() => {})
    const isDead = [...stand.rows.values()].every(({ status }) => status === 'dead')
    // One whose reply was lost is found as it was decided.
    const good = when.includes('after') ? /^(recorded|repeated) / : /^recorded /
    const ids = new Set(told.map(event => event.split(' ')[1]))
    return isDead && ids.size === 30 && told.length === 30 && told.every(event => good.test(event))
  })
  await fc.assert(property, { numRuns: 200 })
})

t.test('the record names the first row of the key, when the one before it is settled', async t => {
  const { stand, recorder, named } = staged(0)
  const next = shownRow(8, { orderingKey: 'k' })
  for (const id of ['1', '2']) stand.rows.set(id, { status: 'claimed', attempts: 1, claimedEpoch: '9', next })
  recorder.add(attemptOf('1', retry))
  await recorder.flush(stand.session)
  t.same(named, [])
  recorder.add(attemptOf('2', dead))
  await recorder.flush(stand.session)
  t.same(named, ['8'])
})

t.test('an epoch is held while an attempt that was claimed under it is not committed', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { stand, recorder } = staged(1)
  stand.rows.set('1', { status: 'claimed', attempts: 1, claimedEpoch: '8', isLocked: true })
  recorder.add(attemptOf('0'))
  recorder.add(attemptOf('1', delivered, { epoch: '8' }))
  t.same([recorder.holdsEpoch('9'), recorder.holdsEpoch('8'), recorder.holdsEpoch('7')], [true, true, false])
  await recorder.flush(stand.session)
  t.same([recorder.holdsEpoch('9'), recorder.holdsEpoch('8')], [false, true], 'somebody has locked its row')
  stand.claimed('1', 1, '8')
  mock.timers.tick(250)
  await recorder.flush(stand.session)
  t.notOk(recorder.holdsEpoch('8'))
})
