import pg from 'pg'
import { connected } from './servers.ts'
import type { Stage } from './stage.ts'

/** Four sessions and the listener, as docs/operate/running.md promises. */
export const mostConnections = 5

const SAMPLE_MS = 250

/** The server's sessions of each relay, those that it has given up among them: by the application's name, wherever the relay's stands in it. */
const SESSIONS = `
  select coalesce(max(sessions), 0)::int as most
    from (select count(*) filter (where application_name ~ ('\\m' || relay || '\\M')) as sessions
            from unnest($1::text[]) relay
            left join pg_stat_activity on application_name like 'ringback%' and datname = current_database()
           group by relay) of_each`

export interface ConnectionsWatch {
  /** Stops, and says how many sessions a single relay had at most. */
  end(): Promise<number>
}

/** Counts what the relays of these names hold on the server, four times a second, over a session of its own. */
export async function watchConnections(stage: Stage, relays: readonly string[]): Promise<ConnectionsWatch> {
  const client = await connected(stage.databaseUrl)
  let most = 0
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      const { rows } = await client.query<{ most: number }>(SESSIONS, [relays])
      most = Math.max(most, rows[0]?.most ?? 0)
      await stage.sleep(SAMPLE_MS)
    }
  })()
  // The scenario may have failed before it asks.
  watching.catch(() => {})
  const end = async () => {
    isOver = true
    await watching.finally(() => client.end())
    return most
  }
  return { end }
}

/** Tries to connect as any other program would, once a second; `end` says how often it was turned away. */
export function watchNewcomers(stage: Stage, url: string): { end(): Promise<number> } {
  let refused = 0
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      const client = new pg.Client({
        connectionString: url,
        application_name: 'newcomer',
        connectionTimeoutMillis: 5_000,
      })
      client.on('error', () => {})
      await client.connect().catch(() => {
        refused += 1
      })
      await client.end().catch(() => {})
      await stage.sleep(1_000)
    }
  })()
  const end = async () => {
    isOver = true
    await watching
    return refused
  }
  return { end }
}
