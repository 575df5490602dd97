import assert from 'node:assert/strict'
import t from 'tap'
import type { Sequencer } from '../../src/sequencer/sequencer.ts'
import { eventually } from '../fixtures/eventually.ts'
import { prove } from '../fixtures/proven.ts'
import { reader } from '../fixtures/reader.ts'
import { Stage } from '../fixtures/stage.ts'

const memoryRows = 4_000
/** What of it one origin may hold before its new rows are left for later. */
const share = memoryRows / 8
const settings = {
  concurrency: 4,
  ratePerSecond: null,
  deadlineMs: 1_000,
  breaker: { failures: 10, pauseMs: 2_000 },
  headers: [],
  signingKeys: [],
}
const log = { error: t.fail } as never

/** A relay that reads and sends nothing. It owns all lanes, and sweeps once an hour unless a test says more often. */
async function reading(sweepMs = 3_600_000) {
  const stage = await Stage.withSession(t)
  const { session } = stage
  const lanes = await stage.takeAll()
  const { sequencer, fetcher } = reader({ session, lanes, log, settings, memoryRows, sweepMs })
  await fetcher.look()
  return { stage, sequencer, fetcher }
}

async function flood(stage: Stage, rows: number, host: string): Promise<string[]> {
  const written = await stage.query<{ id: string }>(
    `insert into outbox.callback (url) select 'https://' || $2 || '.test/' || n from generate_series(1, $1::int) n returning id`,
    [rows, host],
  )
  return written.map(({ id }) => id)
}

/** So many failures that the breaker opens. */
function breakDown(sequencer: Sequencer): void {
  for (let n = 0; n < settings.breaker.failures; n += 1) {
    const now = performance.now()
    for (const { id } of sequencer.take(1, now)) {
      sequencer.ended(id, { receiver: 'failing', restMs: 0, startedAtMs: now, finishedAtMs: now })
      sequencer.later(id, now + 60_000, now)
    }
  }
}

t.test('what is written after a flood is known at the next look, while most of the flood still waits', async t => {
  const { stage, sequencer, fetcher } = await reading()
  const ids = await flood(stage, 20_000, 'flooded')
  await fetcher.look()
  const late = await stage.insert({ url: 'https://healthy.test/' })
  await fetcher.look()
  t.ok(sequencer.knows(late))
  t.ok(ids.filter(id => !sequencer.knows(id)).length > 15_000, 'most of the flood is in the database yet')
  t.ok(sequencer.knows(ids[0] ?? ''), 'the oldest of the flood is known')
})

t.test('so is what was written right behind it, before anything was read', async t => {
  const { stage, sequencer, fetcher } = await reading()
  await flood(stage, 20_000, 'flooded')
  const late = await stage.insert({ url: 'https://healthy.test/' })
  await fetcher.look()
  await fetcher.look()
  t.ok(sequencer.knows(late))
})

t.test('a flood leaves a quarter of memory to others', async t => {
  const { stage, sequencer, fetcher } = await reading()
  await flood(stage, 20_000, 'flooded')
  for (let looks = 0; looks < 10; looks += 1) await fetcher.look()
  t.ok(sequencer.heldFor('https://flooded.test') <= memoryRows * 0.75)
  t.ok(sequencer.heldFor('https://flooded.test') >= share, 'it has its own share at least')
  const others = await flood(stage, 300, 'healthy')
  await fetcher.look()
  t.same(
    others.filter(id => !sequencer.knows(id)),
    [],
  )
})

t.test('all of a flood is handed out, each row once, the older ones first', async t => {
  const { stage, sequencer, fetcher } = await reading(1_000)
  prove(sequencer, ['https://flooded.test'])
  const ids = await flood(stage, 10_000, 'flooded')
  const taken: string[] = []
  // What was set aside comes back with a sweep, however often it looks.
  const deadline = performance.now() + 60_000
  while (taken.length < ids.length && performance.now() < deadline) {
    await fetcher.look()
    for (let batch = sequencer.take(200, 0); batch.length > 0; batch = sequencer.take(200, 0)) {
      const handedOut = batch.map(({ id }) => id)
      taken.push(...handedOut)
      // As the record would: it settles, and leaves both indexes.
      await stage.query(
        `update outbox.callback set status = 'delivered', settled_at = now(), due_at = null, rev = rev + 1 where id = any ($1::bigint[])`,
        [handedOut],
      )
      for (const id of handedOut) sequencer.settled(id, performance.now())
      if (taken.length % 1_000 === 0) break
    }
  }
  t.equal(taken.length, ids.length)
  t.equal(new Set(taken).size, ids.length)
  const early = new Set(ids.slice(0, share / 2))
  t.ok(
    taken.slice(0, memoryRows).filter(id => early.has(id)).length === early.size,
    'what was written first is among the first',
  )
})

t.test('what a flood has no room for is set aside, each row written once', async t => {
  const { stage, sequencer, fetcher } = await reading()
  await flood(stage, 20_000, 'dead')
  await fetcher.look()
  breakDown(sequencer)
  const most = await eventually(
    async () => {
      await fetcher.look()
      const [parked] = await stage.query<{ rows: number; most: string }>(
        `select count(*)::int as rows, max(rev) as most from outbox.callback where due_at = 'infinity'`,
      )
      assert.ok((parked?.rows ?? 0) > 5_000, `${parked?.rows} set aside`)
      return parked?.most
    },
    { deadlineMs: 60_000 },
  )
  t.equal(most, '1')
})

t.test(
  'what was set aside comes back a few at a time while slow origins fill memory, and is not kept waiting for them',
  async t => {
    const { stage, sequencer, fetcher } = await reading()
    await flood(stage, memoryRows * 0.6, 'slow')
    for (let looks = 0; looks < 5; looks += 1) await fetcher.look()
    const ids = await flood(stage, 1_000, 'well')
    await stage.query(`update outbox.callback set due_at = 'infinity', rev = rev + 1 where id = any ($1::bigint[])`, [
      ids,
    ])
    fetcher.restart()
    for (let looks = 0; looks < 5; looks += 1) await fetcher.look()
    t.ok(sequencer.room < memoryRows / 2, 'memory is more than half full')
    t.ok(sequencer.knows(ids[0] ?? ''), 'the first of them is there')
    t.ok(sequencer.heldFor('https://well.test') < 100, 'the others wait in the database')
  },
)
