/**
 * pg-boss with what its documentation offers for throughput: batches, several workers, and no pause while batches come full.
 * Housekeeping that has no part in delivering is off.
 */
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import type { PeerTask } from '../contestants/contestant.ts'
import { rowsSql } from '../load.ts'
import { type Payload, Poster } from '../post.ts'
import { perform } from './task.ts'

const QUEUE = 'callback'
const BATCH = 5_000
const WORKERS = 4
const JOBS_A_WORKER = 64

function bossFor({ databaseUrl }: PeerTask): PgBoss {
  const boss = new PgBoss({ connectionString: databaseUrl, max: 10, supervise: false, schedule: false })
  boss.on('error', error => console.error(error))
  return boss
}

async function prepare(task: PeerTask): Promise<void> {
  const boss = bossFor(task)
  await boss.start()
  await boss.createQueue(QUEUE, { policy: task.load.keys === 'none' ? 'standard' : 'key_strict_fifo' })
  const client = new pg.Client({ connectionString: task.databaseUrl })
  await client.connect()
  for (let from = 1; from <= task.load.rows; from += BATCH) await insert(boss, client, task, from)
  await client.end()
  await boss.stop()
}

async function insert(boss: PgBoss, client: pg.Client, { load }: PeerTask, from: number): Promise<void> {
  const rows = Math.min(BATCH, load.rows - from + 1)
  const found = await client.query<Payload & { key: string | null }>(rowsSql({ ...load, rows }, from))
  await boss.insert(
    QUEUE,
    found.rows.map(({ id, url, form, key }) => ({
      data: { id, url, form },
      ...(key === null ? {} : { singletonKey: key }),
    })),
  )
}

async function run(task: PeerTask): Promise<void> {
  const boss = bossFor(task)
  const poster = new Poster()
  await boss.start()
  const options = {
    batchSize: JOBS_A_WORKER,
    localConcurrency: WORKERS,
    burstWhenBatchFull: true,
    pollingIntervalSeconds: 0.5,
  }
  await boss.work<Payload>(QUEUE, options, async jobs => {
    await Promise.all(jobs.map(({ data }) => poster.post(data)))
  })
}

await perform({ prepare, run })
