import { setTimeout as sleep } from 'node:timers/promises'
import { nowUs } from './clock.ts'
import type { Contestant } from './contestants/contestant.ts'
import type { Load } from './load.ts'
import { type Cost, Meter } from './meter.ts'
import type { Process } from './processes.ts'
import type { Receiver } from './receiving.ts'
import { type Database, type Server, settle } from './server.ts'
import type { Note } from './stage.ts'

export interface Drained extends Cost {
  /** From the first arrival until every row is recorded, or until the cap. */
  readonly seconds: number
  /** Recorded in that time. */
  readonly recorded: number
}

export interface DrainOptions {
  readonly server: Server
  readonly receiver: Receiver
  readonly load: Load
  /** What takes longer is stopped, and counted as far as it came. Default 60 s. */
  readonly capSeconds?: number
}

/** Loads rows, lets the contestant deliver all of them, and says how long it took and what it cost. */
export async function drain(contestant: Contestant, options: DrainOptions): Promise<Drained> {
  const database = await options.server.database()
  try {
    await contestant.load(database, options.load)
    return await deliver(contestant, database, options)
  } finally {
    await database.drop()
  }
}

/** The same with rows that are loaded already, as many as `load` says. */
export async function deliver(contestant: Contestant, database: Database, options: DrainOptions): Promise<Drained> {
  const { server, receiver, load, capSeconds = 60 } = options
  await settle(database.client)
  await receiver.reset(load.rows)
  const cap = AbortSignal.timeout(capSeconds * 1_000)
  const arrivals = { first: receiver.arrived('first', cap), all: receiver.arrived('all', cap).catch(() => {}) }
  const worker = contestant.start(database, load)
  const over = overOf(worker)
  try {
    const meter = new Meter(server, database, [worker.pid])
    await Promise.race([arrivals.first, over])
    await meter.start()
    await Promise.race([recorded(contestant, { worker, database, all: arrivals.all, cap }), over])
    const endedAtUs = nowUs()
    const cost = await meter.stop()
    const { firstAtUs } = await receiver.tally()
    const recordedRows = load.rows - (await countLeft(contestant, database))
    return { seconds: (endedAtUs - firstAtUs) / 1e6, recorded: recordedRows, ...cost(recordedRows) }
  } finally {
    await worker.stop(contestant.done === null ? 'SIGKILL' : 'SIGTERM')
  }
}

/** Rejects when the process ends, which nobody has asked it to while this is listened to. */
async function overOf(worker: Process): Promise<never> {
  const how = await worker.ended
  throw new Error(`${worker.name} ended with ${how}:\n${worker.tail}`)
}

interface Delivery {
  readonly worker: Process
  readonly database: Database
  readonly all: Promise<unknown>
  readonly cap: AbortSignal
}

/** The database is only asked once everything has arrived: until then it has better things to do. */
async function recorded(contestant: Contestant, { worker, database, all, cap }: Delivery): Promise<void> {
  if (contestant.done === null) return void (await worker.message())
  await all
  await database.client.query('set enable_seqscan = off')
  while (!cap.aborted) {
    const { rows } = await database.client.query<{ done: boolean }>(contestant.done)
    if (rows[0]?.done) return
    await sleep(5)
  }
}

async function countLeft(contestant: Contestant, { client }: Database): Promise<number> {
  await client.query('reset enable_seqscan')
  const { rows } = await client.query<{ remaining: number }>(contestant.left)
  return rows[0]?.remaining ?? 0
}

/** @param rate what the rate is called. */
export function noteDrained(note: Note, drained: Drained, rate = 'rate'): void {
  note(rate, drained.recorded / drained.seconds, 'callbacks/s')
  note('relay CPU', drained.relayCpuUs, 'µs/callback')
  note('PostgreSQL CPU', drained.postgresCpuUs, 'µs/callback')
  note('WAL', drained.walBytes, 'B/callback')
  note('WAL without page images', drained.walRecordBytes, 'B/callback')
}
