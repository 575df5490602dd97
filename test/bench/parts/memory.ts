import { median } from '../../fixtures/statistics.ts'
import { insert, migrate, relay } from '../contestants/ringback.ts'
import { Receiver } from '../receiving.ts'
import { sampleMb } from '../resident.ts'
import { settle } from '../server.ts'
import type { Note, Stage } from '../stage.ts'

const SECONDS = 60

/** 10 million callbacks waiting: the relay's resident memory while it delivers, each second for a minute. */
export async function memoryPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const urls = await receiver.urls(4)
  await stage.interleave({ ringback: note => measure(stage, { receiver, urls }, note) }, 1)
  await receiver.stop()
}

interface Given {
  readonly receiver: Receiver
  readonly urls: readonly string[]
}

async function measure(stage: Stage, { receiver, urls }: Given, note: Note): Promise<void> {
  const database = await stage.server.database()
  await migrate(database)
  await insert(database, { rows: stage.rows(10_000_000), keys: 'pairs', urls })
  await settle(database.client)
  await receiver.reset(0)
  const first = receiver.arrived('first', AbortSignal.timeout(60_000))
  const process = relay(database)
  try {
    await first
    const samples = await sampleMb(process.pid, SECONDS)
    const third = Math.floor(samples.length / 3)
    note('largest', Math.max(...samples), 'MB')
    note(
      'last third over middle third',
      median(samples.slice(2 * third)) / median(samples.slice(third, 2 * third)),
      '×',
    )
    note('delivered meanwhile', (await receiver.tally()).requests, 'callbacks')
  } finally {
    await process.stop()
    await database.drop()
  }
}
