/**
 * The queue that everybody writes first: `FOR UPDATE SKIP LOCKED` on an index of the status. Two loops, so that one claims
 * while the other posts; the same POST as everybody's. Argument: SkipLockedTask in JSON.
 */
import pg from 'pg'
import { type Payload, Poster } from './post.ts'

export interface SkipLockedTask {
  readonly databaseUrl: string
}

export const SKIP_LOCKED_SCHEMA = `
  create table item (
    id bigint generated always as identity primary key,
    status text not null default 'waiting',
    payload json not null
  );
  create index item_status on item (status, id);`

const CLAIM = {
  name: 'claim',
  text: `update item set status = 'claimed'
          where id in (select id from item where status = 'waiting' order by id limit 64 for update skip locked)
         returning id, payload`,
}

const RECORD = { name: 'record', text: `update item set status = 'delivered' where id = any($1::bigint[])` }

if (process.argv[2] !== undefined) {
  const { databaseUrl } = JSON.parse(process.argv[2]) as SkipLockedTask
  process.on('disconnect', () => process.exit())
  const poster = new Poster()
  for (let loop = 0; loop < 2; loop++) void work(databaseUrl, poster)
}

async function work(databaseUrl: string, poster: Poster): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  for (;;) {
    const { rows } = await client.query<{ id: string; payload: Payload }>(CLAIM)
    await Promise.all(rows.map(({ payload }) => poster.post(payload)))
    if (rows.length > 0) await client.query({ ...RECORD, values: [rows.map(({ id }) => id)] })
    else await new Promise(resolve => setTimeout(resolve, 10))
  }
}
