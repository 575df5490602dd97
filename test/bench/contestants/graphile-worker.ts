import { type Contestant, peer, prepare } from './contestant.ts'

const PROGRAM = 'peers/graphile-worker.ts'

/** A job is deleted when it is complete. With keys, each is a named queue. */
export const graphileWorker = worker(false)

/** Each job fetched and completed by itself, as by default. */
export const graphileWorkerUnbatched = worker(true)

function worker(unbatched: boolean): Contestant {
  return {
    load: (database, load) => prepare(PROGRAM, database, load),
    start: ({ url }, load) => peer(PROGRAM, { do: 'run', databaseUrl: url, load, unbatched }),
    done: 'select not exists (select from graphile_worker._private_jobs) as done',
    left: 'select count(*)::float8 as remaining from graphile_worker._private_jobs',
  }
}
