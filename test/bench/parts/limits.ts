import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { insert, migrate, relay } from '../contestants/ringback.ts'
import type { Process } from '../processes.ts'
import { Receiver } from '../receiving.ts'
import { serving } from '../serving.ts'
import type { Note, Stage } from '../stage.ts'

/** At four at once a receiver of 70 ms could take 57 a second, so both limits bear. */
const ANSWER_MS = 70
const RULE = { concurrency: 4, rate: '50/s' }
const SECONDS = 20
const ARRIVE_WITHIN_MS = 60_000

/** A receiver with a limit of POSTs at once and one of POSTs a second: what several relays make of it. */
export async function limitsPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const folder = await mkdtemp(join(tmpdir(), 'ringback-bench-'))
  try {
    const urls = await receiver.urls(1, { kind: 'delay', ms: ANSWER_MS })
    const config = join(folder, 'ringback.yaml')
    await writeFile(config, JSON.stringify({ origins: [{ match: '*', ...RULE }] }))
    const round = (relays: number) => (note: Note) => measure(stage, { receiver, urls, config, relays }, note)
    await stage.interleave({ '1 relay': round(1), '2 relays': round(2), '4 relays': round(4) }, 1)
  } finally {
    await receiver.stop()
    await rm(folder, { recursive: true })
  }
}

interface Scene {
  readonly receiver: Receiver
  readonly urls: readonly string[]
  readonly config: string
  readonly relays: number
}

async function measure(stage: Stage, { receiver, urls, config, relays: count }: Scene, note: Note): Promise<void> {
  const database = await stage.server.database()
  const relays: Process[] = []
  try {
    await migrate(database)
    for (let n = 1; n <= count; n++) relays.push(relay(database, { name: `relay-${n}`, config }))
    await serving(database, count)
    const rows = stage.rows(50 * SECONDS)
    await receiver.reset(rows, true)
    const all = receiver.arrived('all', AbortSignal.timeout(SECONDS * 1_000 + ARRIVE_WITHIN_MS))
    await insert(database, { rows, keys: 'none', urls })
    await all
    note('most at once', (await receiver.tally()).mostAtOnce, 'POSTs')
    note('most in a second', mostIn(1e6, await receiver.arrivals()), 'POSTs')
  } finally {
    await Promise.all(relays.map(relay => relay.stop()))
    await database.drop()
  }
}

/** Most arrivals of any span of so many microseconds. */
function mostIn(spanUs: number, arrivals: Float64Array): number {
  const times = arrivals.filter((_, at) => at % 3 === 1).sort()
  let [most, first] = [0, 0]
  for (const [at, time] of times.entries()) {
    while (time - (times[first] ?? 0) >= spanUs) first++
    most = Math.max(most, at - first + 1)
  }
  return most
}
