import { insert, migrate, ringback } from '../contestants/ringback.ts'
import { deliver } from '../drain.ts'
import { Receiver } from '../receiving.ts'
import type { Database } from '../server.ts'
import type { Stage } from '../stage.ts'

/** What 100,000 callbacks take on disk once they are delivered: table, indexes, attempts, and the room that updates left. */
export async function diskPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const load = { rows: stage.rows(100_000), keys: 'pairs', urls: await receiver.urls(4) } as const
  await stage.interleave(
    {
      ringback: async note => {
        const database = await stage.server.database()
        try {
          await migrate(database)
          const empty = await bytes(database)
          await insert(database, load)
          await deliver(ringback(), database, { server: stage.server, receiver, load })
          note('disk', ((await bytes(database)) - empty) / load.rows, 'B/callback')
        } finally {
          await database.drop()
        }
      },
    },
    1,
  )
  await receiver.stop()
}

async function bytes({ client }: Database): Promise<number> {
  const { rows } = await client.query<{ bytes: number }>(
    `select sum(pg_total_relation_size(oid))::float8 as bytes from pg_class where relnamespace = 'outbox'::regnamespace and relkind = 'r'`,
  )
  return rows[0]?.bytes ?? Number.NaN
}
