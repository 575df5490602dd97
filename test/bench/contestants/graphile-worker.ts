import { type Contestant, peer, prepare } from './contestant.ts'

const PROGRAM = 'peers/graphile-worker.ts'

/** A job is deleted when it is complete. With keys, each is a named queue. */
export const graphileWorker: Contestant = {
  load: (database, load) => prepare(PROGRAM, database, load),
  start: ({ url }, load) => peer(PROGRAM, { do: 'run', databaseUrl: url, load }),
  done: 'select not exists (select from graphile_worker._private_jobs) as done',
  left: 'select count(*)::float8 as remaining from graphile_worker._private_jobs',
}
