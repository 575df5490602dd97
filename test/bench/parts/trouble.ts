import { insert, migrate, relay } from '../contestants/ringback.ts'
import type { Mode } from '../receiver-protocol.ts'
import { Receiver } from '../receiving.ts'
import type { Database } from '../server.ts'
import { serving } from '../serving.ts'
import type { Note, Stage } from '../stage.ts'

const WARM_UP_SECONDS = 5
const SECONDS = 15
/** As many as are there at once for a receiver that takes one in two seconds. */
const ROWS = 40
const HANDLING_MS = 2_000

/** One receiver that refuses a part of what it gets, and one that takes one request after the other. */
export async function troublePart(stage: Stage): Promise<void> {
  const rates: Readonly<Record<string, readonly [mode: Mode, arrivals: number]>> = {
    'a fifth of 500': [{ kind: 'fifth', status: 500, ms: 20 }, 1.25],
    'a fifth of 503': [{ kind: 'fifth', status: 503, ms: 20 }, 1.25],
    'a 503 first': [{ kind: 'second', ms: 20 }, 2],
  }
  const contestants = Object.entries(rates).map(([name, [mode, arrivals]]) => {
    return [name, (note: Note) => staged(stage, mode, each => measureRate(stage, each, arrivals, note))] as const
  })
  await stage.interleave(Object.fromEntries(contestants), 2)
  const serial: Mode = { kind: 'serial', ms: HANDLING_MS }
  await stage.interleave({ 'one in 2 s': note => staged(stage, serial, each => measureSerial(each, note)) }, 1)
}

interface Scene {
  readonly database: Database
  readonly receiver: Receiver
  readonly urls: readonly string[]
}

async function staged(stage: Stage, mode: Mode, measure: (scene: Scene) => Promise<void>): Promise<void> {
  const receiver = new Receiver()
  const database = await stage.server.database()
  await migrate(database)
  const process = relay(database, { 'retry-base': '1s' })
  try {
    const urls = await receiver.urls(1, mode)
    await serving(database, 1)
    await measure({ database, receiver, urls })
  } finally {
    await process.stop()
    await receiver.stop()
    await database.drop()
  }
}

/** @param arrivals how often each callback arrives until it is taken. */
async function measureRate(stage: Stage, scene: Scene, arrivals: number, note: Note): Promise<void> {
  const { database, receiver, urls } = scene
  const seconds = WARM_UP_SECONDS + Math.max(2, SECONDS * stage.scale)
  await receiver.reset(0, true)
  await insert(database, { rows: Math.round(4_000 * seconds), keys: 'none', urls })
  await new Promise(resolve => setTimeout(resolve, 1_000 * seconds))
  const times = (await receiver.arrivals()).filter((_, at) => at % 3 === 1)
  const from = (times[0] ?? 0) + 1e6 * WARM_UP_SECONDS
  const last = times.at(-1) ?? 0
  note('rate', times.filter(time => time >= from).length / arrivals / ((last - from) / 1e6), 'a second')
}

async function measureSerial({ database, receiver, urls }: Scene, note: Note): Promise<void> {
  await receiver.reset(0)
  const startedAt = performance.now()
  await insert(database, { rows: ROWS, keys: 'none', urls })
  for (;;) {
    const [row] = (
      await database.client.query<{ left: number }>(
        'select count(*)::integer as left from outbox.callback where settled_at is null',
      )
    ).rows
    if (row?.left === 0) break
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  const { requests } = await receiver.tally()
  note('arrivals', requests / ROWS, 'a callback')
  note('time', (performance.now() - startedAt) / (ROWS * HANDLING_MS), 'of one by one')
}
