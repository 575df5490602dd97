import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../../fixtures/statistics.ts'
import type { Contestant } from '../contestants/contestant.ts'
import { graphileWorker } from '../contestants/graphile-worker.ts'
import { ringback } from '../contestants/ringback.ts'
import { waitsMs, write } from '../latencies.ts'
import { Receiver } from '../receiving.ts'
import type { Database } from '../server.ts'
import type { Note, Stage } from '../stage.ts'

const RATES = [50, 200, 800, 1_000]
const SECONDS = 20
const WARM_UP_SECONDS = 3
const ARRIVE_WITHIN_MS = 10_000

/**
 * From the reply to a producer's COMMIT to the arrival at the receiver, at steady rates, 20 s each. What arrives before the
 * producer has read its reply counts as 0.
 */
export async function latencyPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const urls = await receiver.urls(4)
  const round = (contestant: Contestant, insert: string) => (rate: number) => {
    return (note: Note) => measure(rate, { stage, contestant, insert, urls, receiver }, note)
  }
  const url = `(array[${urls.map(url => `'${url}'`).join(', ')}])[1 + $1::int % ${urls.length}]`
  const form = `json_build_object('n', $1::int, 'flowId', 7, 'flowExecutionId', 31, 'code', 2)`
  const contestants = {
    ringback: round(
      ringback(),
      `insert into outbox.callback (url, form, ordering_key) values (${url}, ${form}, 'k' || $1::int)`,
    ),
    'graphile-worker': round(
      graphileWorker,
      `select graphile_worker.add_job('callback', json_build_object('id', gen_random_uuid(), 'url', ${url}, 'form', ${form}))`,
    ),
  }
  for (const rate of RATES) {
    await stage.interleave({
      ringback: contestants.ringback(rate),
      'graphile-worker': contestants['graphile-worker'](rate),
    })
  }
  await receiver.stop()
}

interface Subject {
  readonly stage: Stage
  readonly contestant: Contestant
  readonly insert: string
  readonly urls: readonly string[]
  readonly receiver: Receiver
}

async function measure(rate: number, subject: Subject, note: Note): Promise<void> {
  const { stage, contestant, insert, urls, receiver } = subject
  const database = await stage.server.database()
  const load = { rows: 0, keys: 'none', urls } as const
  await contestant.load(database, load)
  await receiver.reset(0, true)
  const first = receiver.arrived('first', AbortSignal.timeout(ARRIVE_WITHIN_MS))
  const worker = contestant.start(database, load)
  try {
    await write(database, { insert, rate: 1, count: 1, from: 0 })
    await first
    await measureSteady(rate, database, subject, note)
  } finally {
    await worker.stop()
    await database.drop()
  }
}

async function measureSteady(
  rate: number,
  database: Database,
  { stage, insert, receiver }: Subject,
  note: Note,
): Promise<void> {
  const warmUp = rate * WARM_UP_SECONDS
  const count = warmUp + Math.round(rate * Math.max(2, SECONDS * stage.scale))
  await receiver.arrivals()
  await receiver.reset(count, true)
  const all = receiver.arrived('all', AbortSignal.timeout((count / rate) * 2_000 + ARRIVE_WITHIN_MS))
  const written = await write(database, { insert, rate, count, from: 1 })
  await all.catch(() => {})
  await sleep(50)
  const waits = waitsMs(written.subarray(warmUp * 3), await receiver.arrivals())
  note(`p50 at ${rate}/s`, percentile(waits, 50), 'ms')
  note(`p99 at ${rate}/s`, percentile(waits, 99), 'ms')
}
