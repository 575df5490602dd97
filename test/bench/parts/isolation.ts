import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../../fixtures/statistics.ts'
import { nowUs } from '../clock.ts'
import { insert, migrate, relay } from '../contestants/ringback.ts'
import { waitsMs, write } from '../latencies.ts'
import { portOf, Receiver } from '../receiving.ts'
import { sampleMb } from '../resident.ts'
import { type Database, settle } from '../server.ts'
import type { Note, Stage } from '../stage.ts'

const RATE = 100
const SECONDS = 30
const WARM_UP_SECONDS = 3
/** How long the endpoint is down before the healthy one is measured: the first retries and the parking are through then. */
const DOWN_SECONDS = 5

/**
 * What a dead endpoint with a million rows, one that hangs and one that takes a second do to a healthy one with 100
 * callbacks a second, to the database and to the relay; and how soon the dead one gets its rows when it is back.
 */
export async function isolationPart(stage: Stage): Promise<void> {
  await stage.interleave({ ringback: note => measure(stage, note) }, 1)
}

interface Site {
  readonly stage: Stage
  readonly database: Database
  readonly receiver: Receiver
  readonly healthy: string
  readonly pid: number
}

async function measure(stage: Stage, note: Note): Promise<void> {
  const database = await stage.server.database()
  const receiver = new Receiver()
  const [healthy = '', dead = ''] = await receiver.urls(2)
  const [hanging = ''] = await receiver.urls(1, { kind: 'hang' })
  const [slow = ''] = await receiver.urls(1, { kind: 'delay', ms: 1_000 })
  await migrate(database)
  const process = relay(database)
  const site: Site = { stage, database, receiver, healthy, pid: process.pid }
  try {
    const calm = await watchHealthy(site, 1)
    noteHealthy(note, 'calm', calm)
    await receiver.close(dead)
    await load(stage, database, { dead, hanging, slow })
    await settle(database.client)
    await sleep(DOWN_SECONDS * 1_000)
    const busy = await watchHealthy(site, 1_000_001)
    noteHealthy(note, 'others down', busy)
    note('memory, largest', Math.max(...busy.mb), 'MB')
    note('writes', await writesOf(database, dead), 'a waiting row')
    note('after the endpoint is back', await healSeconds(site, dead), 's')
  } finally {
    await process.stop()
    await receiver.stop()
    await database.drop()
  }
}

/** No key stands for rows of two endpoints: the one would have to wait for the other. */
async function load(
  stage: Stage,
  database: Database,
  { dead, hanging, slow }: Readonly<Record<'dead' | 'hanging' | 'slow', string>>,
): Promise<void> {
  await insert(database, { rows: stage.rows(10_000), keys: 'none', urls: [hanging] })
  await insert(database, { rows: stage.rows(10_000), keys: 'none', urls: [slow] })
  await insert(database, { rows: stage.rows(1_000_000), keys: 'each', urls: [dead] })
}

interface Healthy {
  /** From the reply to COMMIT to the arrival. */
  readonly waits: Float64Array
  /** Of the relay, each second. */
  readonly mb: readonly number[]
}

function noteHealthy(note: Note, when: string, { waits }: Healthy): void {
  note(`healthy p50, ${when}`, percentile(waits, 50), 'ms')
  note(`healthy p99, ${when}`, percentile(waits, 99), 'ms')
}

async function watchHealthy({ stage, database, receiver, healthy, pid }: Site, from: number): Promise<Healthy> {
  const seconds = WARM_UP_SECONDS + Math.max(5, SECONDS * stage.scale)
  const text = `insert into outbox.callback (url, form, ordering_key)
                values ('${healthy}', json_build_object('n', $1::int), 'healthy ' || $1::int)`
  await receiver.reset(0, true)
  const writing = write(database, { insert: text, rate: RATE, count: Math.round(RATE * seconds), from })
  const mb = await sampleMb(pid, Math.floor(seconds))
  const written = await writing
  await sleep(2_000)
  const arrivals = onlyAt(portOf(healthy), await receiver.arrivals())
  return { waits: waitsMs(written.subarray(RATE * WARM_UP_SECONDS * 3), arrivals), mb }
}

function onlyAt(port: number, arrivals: Float64Array): Float64Array {
  return arrivals.filter((_, at) => arrivals[at - (at % 3) + 2] === port)
}

/** Each statement of the relay that changes a row adds 1 to its `rev`. */
async function writesOf({ client }: Database, url: string): Promise<number> {
  const { rows } = await client.query<{ writes: number }>(
    'select avg(rev)::float8 as writes from outbox.callback where url = $1',
    [url],
  )
  return rows[0]?.writes ?? Number.NaN
}

/** From listening again to the first arrival. */
async function healSeconds({ receiver }: Site, url: string): Promise<number> {
  await receiver.reset(0, true)
  const openedAtUs = nowUs()
  await receiver.open(url)
  while (nowUs() < openedAtUs + 60e6) {
    await sleep(20)
    const arrivals = onlyAt(portOf(url), await receiver.arrivals())
    if (arrivals[1] !== undefined) return (arrivals[1] - openedAtUs) / 1e6
  }
  throw new Error('Nothing arrived within 60 s at an endpoint that is back')
}
