/** pg-transactional-outbox with its polling listener: batches of 64, messages handled in parallel, no protections. */
import pg from 'pg'
import {
  DatabaseSetup,
  getDisabledLogger,
  initializePollingMessageListener,
  type PollingListenerConfig,
} from 'pg-transactional-outbox'
import type { PeerTask } from '../contestants/contestant.ts'
import { rowsSql } from '../load.ts'
import { type Payload, Poster } from '../post.ts'
import { perform } from './task.ts'

const BATCH_SIZE = 64
const NEXT = 'next_outbox_messages'

async function prepare({ databaseUrl, load }: PeerTask): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const setup = {
    outboxOrInbox: 'outbox',
    database: client.database ?? '',
    schema: 'public',
    table: 'outbox',
    listenerRole: client.user ?? '',
    nextMessagesName: NEXT,
  } as const
  await client.query(DatabaseSetup.dropAndCreateTable(setup))
  await client.query(DatabaseSetup.createPollingFunction(setup))
  await client.query(DatabaseSetup.setupPollingIndexes(setup))
  await client.query(
    `insert into outbox (id, aggregate_type, aggregate_id, message_type, segment, concurrency, payload)
     select id, 'callback', n::text, 'callback', key, case when key is null then 'parallel' else 'sequential' end,
            json_build_object('id', id, 'url', url, 'form', form)
       from (${rowsSql(load)}) as rows order by n`,
  )
  await client.end()
}

async function run({ databaseUrl }: PeerTask): Promise<void> {
  const poster = new Poster()
  const pool = (max: number): pg.PoolConfig => ({ connectionString: databaseUrl, max })
  const config: PollingListenerConfig = {
    outboxOrInbox: 'outbox',
    dbListenerConfig: pool(4),
    dbHandlerConfig: pool(BATCH_SIZE),
    settings: {
      dbSchema: 'public',
      dbTable: 'outbox',
      enableMaxAttemptsProtection: false,
      enablePoisonousMessageProtection: false,
      nextMessagesFunctionName: NEXT,
      nextMessagesBatchSize: BATCH_SIZE,
      nextMessagesLockInMs: 60_000,
      nextMessagesPollingIntervalInMs: 10,
    },
  }
  // The default begins with as many batches of one message as a batch is large.
  const strategies = { batchSizeStrategy: async () => BATCH_SIZE }
  const handler = { handle: (message: { payload: unknown }) => poster.post(message.payload as Payload) }
  initializePollingMessageListener(config, handler, getDisabledLogger(), strategies)
}

await perform({ prepare, run })
