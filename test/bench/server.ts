import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { embeddedPostgres } from '../fixtures/postgres/embedded.ts'

/** Durable as in production; big enough that nothing but the work is measured; no checkpoint of the clock's in a round. */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  max_connections: '200',
  checkpoint_timeout: '1h',
}

/** The PostgreSQL of a run: an embedded one, or BENCH_DATABASE_URL. */
export interface Server {
  /** As `show server_version` says. */
  readonly version: string
  /** Its process; undefined for a server that is not ours. */
  readonly postmaster: number | undefined
  /** A new, empty database. */
  database(): Promise<Database>
  /** Ends an embedded one and removes what it wrote. */
  remove(): Promise<void>
}

/** A database of its own for one contestant and round. */
export interface Database {
  readonly url: string
  readonly client: pg.Client
  /** Another session; closed by `drop`. */
  connect(): Promise<pg.Client>
  drop(): Promise<void>
}

export async function startServer(signal: AbortSignal): Promise<Server> {
  const given = process.env.BENCH_DATABASE_URL
  const embedded = given ? undefined : await embeddedPostgres({ settings: SETTINGS, signal })
  const url = embedded?.url ?? given ?? ''
  const admin = await connected(url)
  const { rows } = await admin.query<{ server_version: string }>('show server_version')
  return {
    version: rows[0]?.server_version ?? 'unknown',
    postmaster: embedded && Number(readFileSync(join(embedded.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]),
    database: () => createDatabase(url, admin),
    async remove() {
      await admin.end()
      await embedded?.remove()
    },
  }
}

async function createDatabase(server: string, admin: pg.Client): Promise<Database> {
  const name = `ringback_bench_${process.pid}_${process.hrtime.bigint()}`
  const url = new URL(server)
  url.pathname = `/${name}`
  await admin.query(`create database ${name} template template0`)
  const clients: pg.Client[] = []
  const connect = async () => {
    const client = await connected(url.href)
    clients.push(client)
    return client
  }
  return {
    url: url.href,
    client: await connect(),
    connect,
    async drop() {
      await Promise.all(clients.map(client => client.end()))
      await admin.query(`drop database ${name} with (force)`)
    },
  }
}

/** A session that ends under us makes the next query fail, which says more than a crash here. */
async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'bench' })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** What was loaded is on disk, counted and frozen, so that the round that follows pays for nothing but itself. */
export async function settle(client: pg.Client): Promise<void> {
  await client.query('vacuum (analyze, freeze)')
  await client.query('checkpoint')
}
