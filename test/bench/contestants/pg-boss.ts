import { type Contestant, peer, prepare } from './contestant.ts'

const PROGRAM = 'peers/pg-boss.ts'

/** With keys, the queue's policy is `key_strict_fifo`. */
export const pgBoss: Contestant = {
  load: (database, load) => prepare(PROGRAM, database, load),
  start: ({ url }, load) => peer(PROGRAM, { do: 'run', databaseUrl: url, load }),
  done: `select not exists (select from pgboss.job where name = 'callback' and state < 'completed') as done`,
  left: `select count(*)::float8 as remaining from pgboss.job where name = 'callback' and state <> 'completed'`,
}
