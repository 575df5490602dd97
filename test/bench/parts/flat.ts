import { nowUs } from '../clock.ts'
import type { Contestant } from '../contestants/contestant.ts'
import { ringback } from '../contestants/ringback.ts'
import { skipLocked } from '../contestants/skip-locked.ts'
import { withHistory } from '../history.ts'
import { Meter } from '../meter.ts'
import type { Process } from '../processes.ts'
import { Receiver } from '../receiving.ts'
import { type Database, settle } from '../server.ts'
import type { Note, Round, Stage } from '../stage.ts'

const MEASURED = 50_000
/** Delivered before any are measured: the first ones pay for connections, plans and compilers. */
const WARM_UP = 2_000
const BACKLOG = 1_000_000
const HISTORY = 10_000_000
/** Some rows more, so that those measured are never the last. */
const REST = 1_000
const WITHIN_MS = 1_800_000

/**
 * What one of 50,000 callbacks costs: in an empty table; in one with 10 million delivered and a million more waiting; and as
 * the last of a million, all of which have passed while somebody held a snapshot open. Beside the usual SKIP LOCKED queue, of
 * whose rows only a tenth pass before: what it walks through grows with the square of them, and a million would take hours.
 */
export async function flatPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const urls = await receiver.urls(4)
  const round = (contestant: Contestant, scene: Partial<Scene>): Round => {
    return note => measure(stage, { contestant, receiver, urls, before: WARM_UP, after: 0, ...scene }, note)
  }
  const backlog = stage.rows(BACKLOG)
  await stage.interleave(
    {
      'empty table': round(ringback(), {}),
      'history and backlog': round(withHistory(ringback(), stage.rows(HISTORY), 0), { after: backlog }),
      'snapshot held': round(ringback(), { before: WARM_UP + backlog, snapshot: true }),
      'SKIP LOCKED queue, empty table': round(skipLocked, {}),
      'SKIP LOCKED queue, snapshot held, a tenth': round(skipLocked, {
        before: WARM_UP + stage.rows(BACKLOG / 10),
        snapshot: true,
      }),
    },
    1,
  )
  await receiver.stop()
}

interface Scene {
  readonly contestant: Contestant
  readonly receiver: Receiver
  readonly urls: readonly string[]
  /** Rows that are delivered before those that are measured, and rows that wait behind them. */
  readonly before: number
  readonly after: number
  readonly snapshot?: boolean
}

async function measure(stage: Stage, scene: Scene, note: Note): Promise<void> {
  const database = await stage.server.database()
  const measured = stage.rows(MEASURED)
  try {
    const load = { rows: scene.before + measured + REST + scene.after, keys: 'pairs', urls: scene.urls } as const
    await scene.contestant.load(database, load)
    await settle(database.client)
    if (scene.snapshot) await holdSnapshot(database)
    await scene.receiver.reset(scene.before)
    const reached = scene.receiver.arrived('all', AbortSignal.timeout(WITHIN_MS))
    const worker = scene.contestant.start(database, load)
    try {
      await Promise.race([reached, worker.succeed()])
      await meterArrivals(stage, { scene, database, worker, measured }, note)
    } finally {
      await worker.stop()
    }
  } finally {
    await database.drop()
  }
}

interface Metered {
  readonly scene: Scene
  readonly database: Database
  readonly worker: Process
  readonly measured: number
}

/** From now until so many more have arrived. What of them is not recorded yet then is a few in a thousand. */
async function meterArrivals(stage: Stage, { scene, database, worker, measured }: Metered, note: Note): Promise<void> {
  const meter = new Meter(stage.server, database, [worker.pid])
  await meter.start()
  await scene.receiver.reset(measured)
  const startedAtUs = nowUs()
  await scene.receiver.arrived('all', AbortSignal.timeout(WITHIN_MS))
  const { lastAtUs } = await scene.receiver.tally()
  const cost = (await meter.stop())(measured)
  note('time', (lastAtUs - startedAtUs) / measured, 'µs/callback')
  note('relay CPU', cost.relayCpuUs, 'µs/callback')
  note('PostgreSQL CPU', cost.postgresCpuUs, 'µs/callback')
  note('WAL', cost.walBytes, 'B/callback')
  note('WAL without page images', cost.walRecordBytes, 'B/callback')
}

/** A report, a dump: it sees the table as it was, so nothing that changes from now on can be cleaned away. */
async function holdSnapshot(database: Database): Promise<void> {
  const reader = await database.connect()
  await reader.query('begin isolation level repeatable read')
  await reader.query('select 1')
}
