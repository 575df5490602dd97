import { type Contestant, peer, prepare } from './contestant.ts'

const PROGRAM = 'peers/pg-transactional-outbox.ts'

export const pgTransactionalOutbox: Contestant = {
  load: (database, load) => prepare(PROGRAM, database, load),
  start: ({ url }, load) => peer(PROGRAM, { do: 'run', databaseUrl: url, load }),
  done: 'select not exists (select from outbox where processed_at is null) as done',
  left: 'select count(*)::float8 as remaining from outbox where processed_at is null',
}
