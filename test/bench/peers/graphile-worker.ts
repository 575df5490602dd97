/**
 * graphile-worker as its page on performance says for the most throughput: a local queue of 500 jobs, completions batched.
 * 64 jobs at once instead of that page's 24, since a job here waits for a POST. With a single key there is never a second job
 * to fetch, and a local queue that has come up short waits for its next poll: then it is off.
 */

import { Logger } from '@graphile/logger'
import { runMigrations, run as runWorker } from 'graphile-worker'
import pg from 'pg'
import type { PeerTask } from '../contestants/contestant.ts'
import { rowsSql } from '../load.ts'
import { type Payload, Poster } from '../post.ts'
import { perform } from './task.ts'

const BATCH = 10_000
const BATCHED = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }

async function prepare({ databaseUrl, load }: PeerTask): Promise<void> {
  await runMigrations({ connectionString: databaseUrl })
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  for (let from = 1; from <= load.rows; from += BATCH) {
    const rows = Math.min(BATCH, load.rows - from + 1)
    await client.query(
      `select count(*) from graphile_worker.add_jobs(array(
         select row('callback', json_build_object('id', id, 'url', url, 'form', form), key, null, null, null, null, null)::graphile_worker.job_spec
           from (${rowsSql({ ...load, rows }, from)}) as rows order by n))`,
    )
  }
  await client.end()
}

async function run({ databaseUrl, load, unbatched }: PeerTask): Promise<void> {
  const poster = new Poster()
  await runWorker({
    preset: {
      worker: {
        connectionString: databaseUrl,
        concurrentJobs: 64,
        maxPoolSize: 25,
        ...(unbatched || load.keys === 'one' ? {} : BATCHED),
        logger: new Logger(() => () => {}),
      },
    },
    noHandleSignals: false,
    taskList: { callback: payload => poster.post(payload as Payload) },
  })
}

await perform({ prepare, run })
