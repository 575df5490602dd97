import type pg from 'pg'
import type { Database, Server } from './server.ts'
import { cpuMs, serverCpuMs } from './usage.ts'

/** What some callbacks have cost, each. Undefined: not to be had here. */
export interface Cost {
  readonly relayCpuUs: number | undefined
  readonly postgresCpuUs: number | undefined
  readonly walBytes: number
  /** Without the images of whole pages, which depend on when the last checkpoint was. */
  readonly walRecordBytes: number | undefined
}

/** CPU time and WAL between two moments. */
export class Meter {
  readonly #server: Server
  readonly #client: pg.Client
  readonly #pids: readonly number[]
  #relayMs: number | undefined
  #postgresMs: number | undefined
  #lsn = ''

  /** @param pids of the relay or worker. */
  constructor(server: Server, { client }: Database, pids: readonly number[]) {
    this.#server = server
    this.#client = client
    this.#pids = pids
  }

  async start(): Promise<void> {
    this.#lsn = await this.#currentLsn()
    this.#relayMs = this.#ownMs()
    this.#postgresMs = this.#serverMs()
  }

  /** @returns what each callback has cost, once it is known how many there were. */
  async stop(): Promise<(callbacks: number) => Cost> {
    const relayMs = difference(this.#relayMs, this.#ownMs())
    const postgresMs = difference(this.#postgresMs, this.#serverMs())
    const lsn = await this.#currentLsn()
    const bytes = await this.#bytesUpTo(lsn)
    const images = await this.#imageBytesUpTo(lsn)
    return callbacks => ({
      relayCpuUs: relayMs && (relayMs * 1_000) / callbacks,
      postgresCpuUs: postgresMs && (postgresMs * 1_000) / callbacks,
      walBytes: bytes / callbacks,
      walRecordBytes: images === undefined ? undefined : (bytes - images) / callbacks,
    })
  }

  async #currentLsn(): Promise<string> {
    const { rows } = await this.#client.query<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn')
    return rows[0]?.lsn ?? '0/0'
  }

  async #bytesUpTo(lsn: string): Promise<number> {
    const { rows } = await this.#client.query<{ bytes: number }>('select pg_wal_lsn_diff($1, $2)::float8 as bytes', [
      lsn,
      this.#lsn,
    ])
    return rows[0]?.bytes ?? 0
  }

  /** The last records may not be written yet, and pg_walinspect reads what is. */
  async #imageBytesUpTo(lsn: string): Promise<number | undefined> {
    try {
      await this.#client.query('create extension if not exists pg_walinspect')
      const { rows } = await this.#client.query<{ bytes: number }>(
        `select coalesce(sum(fpi_size), 0)::float8 as bytes
           from pg_get_wal_stats($1, least($2::pg_lsn, pg_current_wal_flush_lsn()))`,
        [this.#lsn, lsn],
      )
      return rows[0]?.bytes
    } catch {
      return undefined
    }
  }

  #ownMs(): number | undefined {
    return this.#pids.map(cpuMs).reduce((sum, ms) => (sum === undefined || ms === undefined ? undefined : sum + ms), 0)
  }

  #serverMs(): number | undefined {
    return this.#server.postmaster === undefined ? undefined : serverCpuMs(this.#server.postmaster)
  }
}

function difference(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before
}
