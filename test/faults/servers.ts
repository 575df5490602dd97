import pg from 'pg'
import { migrateForTests } from '../fixtures/database.ts'
import { type EmbeddedPostgres, embeddedPostgres } from '../fixtures/postgres/embedded.ts'

const SETTINGS = { max_connections: '200' }

/** A migrated database of its own for one scenario. */
export interface Database {
  readonly url: string
  /** The server, where the scenario has one of its own. */
  readonly server: EmbeddedPostgres | null
  remove(): Promise<void>
}

/** PostgreSQL for a run: one for all (TEST_DATABASE_URL, or an embedded one), and further ones for those who stop theirs. */
export class Servers {
  #shared: EmbeddedPostgres | undefined
  #databases = 0

  /** @param settings of a server of its own; undefined: a database on the one for all. */
  async database(settings?: Readonly<Record<string, string>>): Promise<Database> {
    if (settings === undefined) return this.#onShared()
    const server = await embeddedPostgres({ settings: { ...SETTINGS, ...settings } })
    await migrateForTests(server.url)
    return { url: server.url, server, remove: () => server.remove() }
  }

  async remove(): Promise<void> {
    await this.#shared?.remove()
  }

  async #onShared(): Promise<Database> {
    const server = await this.#sharedUrl()
    const run = process.env.RINGBACK_TEST_RUN
    this.#databases += 1
    const name = `${run === undefined ? 'ringback_faults_' : `ringback_test_${run}_faults_`}${process.pid}_${this.#databases}`
    await admin(server, `create database ${name} template template0`)
    const url = new URL(server)
    url.pathname = `/${name}`
    await migrateForTests(url.href)
    return { url: url.href, server: null, remove: () => admin(server, `drop database ${name} with (force)`) }
  }

  async #sharedUrl(): Promise<string> {
    const given = process.env.TEST_DATABASE_URL
    if (given) return given
    this.#shared ??= await embeddedPostgres({ settings: SETTINGS })
    return this.#shared.url
  }
}

async function admin(server: string, statement: string): Promise<void> {
  const client = await connected(server)
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** A session of the harness. One that ends under us makes its next query fail, which says more than a crash. */
export async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'faults' })
  client.on('error', () => {})
  await client.connect()
  return client
}
