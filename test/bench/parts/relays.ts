import { setTimeout as sleep } from 'node:timers/promises'
import { nowUs } from '../clock.ts'
import { insert, migrate, relay, ringback } from '../contestants/ringback.ts'
import { write } from '../latencies.ts'
import type { Process } from '../processes.ts'
import { Receiver } from '../receiving.ts'
import { type Database, settle } from '../server.ts'
import { serving } from '../serving.ts'
import type { Note, Round, Stage } from '../stage.ts'

const RATE = 200
/** Of writing, of which two are before the kill. */
const SECONDS = 12

/**
 * Several relays: how much faster they are where receivers take 100 ms; how soon one takes over from another that was killed;
 * how soon one that was killed is back on the same host.
 */
export async function relaysPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const slow = await receiver.urls(16, { kind: 'delay', ms: 100 })
  const fast = await receiver.urls(16)
  const withRelays = (work: (database: Database, relays: Process[], note: Note) => Promise<void>): Round => {
    return async note => {
      const database = await stage.server.database()
      const relays: Process[] = []
      try {
        await migrate(database)
        await work(database, relays, note)
      } finally {
        await Promise.all(relays.map(relay => relay.stop()))
        await database.drop()
      }
    }
  }
  const rate = (count: number) =>
    withRelays(async (database, relays, note) => {
      for (let n = 1; n <= count; n++) relays.push(relay(database, { name: `relay-${n}` }))
      note('rate', await drainTogether(stage.rows(20_000), { database, receiver, urls: slow, count }), 'callbacks/s')
    })
  await stage.interleave({ '1 relay': rate(1), '2 relays': rate(2), '4 relays': rate(4) })
  await stage.interleave({
    'killed, taken over by another': withRelays(async (database, relays, note) => {
      for (const name of ['a', 'b']) relays.push(relay(database, { name }))
      await serving(database, 2)
      note('until new rows flow', await takeOverSeconds(database, { relays, receiver, urls: fast }), 's')
    }),
    'killed, back on the same host': withRelays(async (database, relays, note) => {
      relays.push(relay(database, { name: 'a' }))
      await serving(database, 1)
      note('until rows flow', await restartSeconds(database, { relays, receiver, urls: fast }), 's')
    }),
  })
  await receiver.stop()
}

interface Together {
  readonly database: Database
  readonly receiver: Receiver
  readonly urls: readonly string[]
  readonly count: number
}

async function drainTogether(rows: number, { database, receiver, urls, count }: Together): Promise<number> {
  await serving(database, count)
  await settle(database.client)
  await receiver.reset(rows)
  const all = receiver.arrived('all', AbortSignal.timeout(120_000))
  await insert(database, { rows, keys: 'each', urls })
  await all
  const { done } = ringback()
  while (done !== null && !(await database.client.query<{ done: boolean }>(done)).rows[0]?.done) await sleep(5)
  return (rows * 1e6) / (nowUs() - (await receiver.tally()).firstAtUs)
}

interface Killing {
  readonly relays: Process[]
  readonly receiver: Receiver
  readonly urls: readonly string[]
}

/** Of rows written steadily: from the kill until each origin has had one that was written after it. */
async function takeOverSeconds(database: Database, { relays, receiver, urls }: Killing): Promise<number> {
  const text = `insert into outbox.callback (url, form, ordering_key)
                values ((array[${urls.map(url => `'${url}'`).join(', ')}])[1 + $1::int % ${urls.length}], json_build_object('n', $1::int), 'k' || $1::int)`
  await receiver.reset(0, true)
  const writing = write(database, { insert: text, rate: RATE, count: RATE * SECONDS, from: 1 })
  await sleep(2_000)
  const killedAtUs = nowUs()
  await relays[1]?.stop('SIGKILL')
  const written = await writing
  await sleep(1_000)
  const firsts = firstArrivals({ written, arrivals: await receiver.arrivals(), killedAtUs }, urls.length)
  if (firsts.size < urls.length) throw new Error('Origins of the killed relay do not flow again')
  return (Math.max(...firsts.values()) - killedAtUs) / 1e6
}

interface Seen {
  readonly written: Float64Array
  readonly arrivals: Float64Array
  readonly killedAtUs: number
}

/** For each origin: when the first of the rows written after the kill arrived. */
function firstArrivals({ written, arrivals, killedAtUs }: Seen, origins: number): Map<number, number> {
  const after = new Set<number>()
  for (let at = 0; at < written.length; at += 3) {
    if ((written[at + 1] ?? 0) > killedAtUs) after.add(written[at] ?? 0)
  }
  const firsts = new Map<number, number>()
  for (let at = 0; at < arrivals.length; at += 3) {
    const n = arrivals[at] ?? 0
    if (after.has(n) && !firsts.has(n % origins)) firsts.set(n % origins, arrivals[at + 1] ?? 0)
  }
  return firsts
}

/** From the start of the new process; the rows were written while there was none. */
async function restartSeconds(database: Database, { relays, receiver, urls }: Killing): Promise<number> {
  await relays[0]?.stop('SIGKILL')
  await insert(database, { rows: 64, keys: 'each', urls })
  await receiver.reset(64)
  const first = receiver.arrived('first', AbortSignal.timeout(90_000))
  const startedAtUs = nowUs()
  relays.push(relay(database, { name: 'a' }))
  await first
  return ((await receiver.tally()).firstAtUs - startedAtUs) / 1e6
}
