import { insert, migrate, relay } from '../contestants/ringback.ts'
import { Receiver } from '../receiving.ts'
import { serving } from '../serving.ts'
import type { Note, Stage } from '../stage.ts'

/** POSTs at once that the defaults of `run` should come to: of the relay, and of one origin. */
const SLOTS = { relay: 256, origin: 64 }
/** An origin begins with one POST at a time. */
const WARM_UP_SECONDS = 12
const SECONDS = 10

/** Receivers that take their time, one and many: how near the rate comes to slots / latency, without a setting. */
export async function slowPart(stage: Stage): Promise<void> {
  const scenes = [20, 100].flatMap(ms => [1, 100].map(origins => ({ ms, origins })))
  for (const { ms, origins } of scenes) {
    const name = `${ms} ms, ${origins} ${origins === 1 ? 'origin' : 'origins'}`
    await stage.interleave({ [name]: note => measure(stage, { ms, origins }, note) }, 1)
  }
}

async function measure(stage: Stage, { ms, origins }: { ms: number; origins: number }, note: Note): Promise<void> {
  const most = (1_000 * Math.min(SLOTS.relay, SLOTS.origin * origins)) / ms
  const receiver = new Receiver()
  const database = await stage.server.database()
  await migrate(database)
  const process = relay(database)
  try {
    const urls = await receiver.urls(origins, { kind: 'delay', ms })
    await serving(database, 1)
    const seconds = WARM_UP_SECONDS + Math.max(2, SECONDS * stage.scale)
    await receiver.reset(0, true)
    await insert(database, { rows: Math.round(1.2 * most * seconds), keys: 'none', urls })
    await new Promise(resolve => setTimeout(resolve, 1_000 * seconds))
    const times = (await receiver.arrivals()).filter((_, at) => at % 3 === 1)
    const first = (times[0] ?? 0) + 1e6 * WARM_UP_SECONDS
    const last = times.at(-1) ?? 0
    const rate = times.filter(time => time >= first).length / ((last - first) / 1e6)
    note('rate', rate, 'a second')
    note('share', rate / most, 'of slots / latency')
  } finally {
    await process.stop()
    await receiver.stop()
    await database.drop()
  }
}
