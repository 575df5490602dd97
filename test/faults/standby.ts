import { execFile } from 'node:child_process'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type pg from 'pg'
import { eventually } from '../fixtures/eventually.ts'
import { freePort } from '../fixtures/postgres/port.ts'
import { Postmaster } from '../fixtures/postgres/postmaster.ts'
import { serverIdentity } from '../fixtures/postgres/unprivileged.ts'
import { connected } from './servers.ts'
import type { Stage } from './stage.ts'

/** A server that repeats what another one writes, until it is promoted. */
export class Standby {
  readonly name: string
  readonly #stage: Stage
  readonly #dataDir: string
  #port = 0
  #postmaster: Postmaster | undefined

  /** Copies the data of the scenario's server, which must not run. */
  static async copy(stage: Stage, name: string): Promise<Standby> {
    const standby = new Standby(stage, name)
    // Its owner and mode too, which the server insists on.
    await promisify(execFile)('cp', ['-a', stage.server.dataDir, standby.#dataDir])
    return standby
  }

  private constructor(stage: Stage, name: string) {
    this.name = name
    this.#stage = stage
    this.#dataDir = join(stage.server.dataDir, '..', name)
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`
  }

  /**
   * Starts it. Resolves when it is told what comes.
   *
   * @param primary a session with the server that it repeats.
   * @param through where it connects: that server, or a proxy before it.
   */
  async follow(primary: pg.Client, through: string): Promise<void> {
    const { hostname, port } = new URL(through)
    const source = `host=${hostname} port=${port} user=postgres application_name=${this.name}`
    await appendFile(join(this.#dataDir, 'postgresql.conf'), `primary_conninfo = '${source}'\n`)
    await writeFile(join(this.#dataDir, 'standby.signal'), '')
    this.#port = await freePort()
    const { server, folder } = this.#stage
    const logFile = join(folder, `postgres-${this.name}.log`)
    this.#stage.undo(`kill -QUIT $(head -n 1 '${join(this.#dataDir, 'postmaster.pid')}')`, () => this.stop())
    this.#postmaster = await Postmaster.start({
      program: join(server.binDir, 'postgres'),
      folder: join(this.#dataDir, '..'),
      dataDir: this.#dataDir,
      logFile,
      port: this.#port,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      identity: await serverIdentity(),
    })
    await eventually(
      async () => {
        const { rowCount } = await primary.query(
          "select from pg_stat_replication where application_name = $1 and state = 'streaming'",
          [this.name],
        )
        if (rowCount !== 1) throw new Error(`${this.name} does not stream`)
      },
      { deadlineMs: 60_000 },
    )
  }

  /** It accepts writes when this resolves. */
  async promote(): Promise<void> {
    const client = await connected(this.url)
    try {
      const { rows } = await client.query<{ promoted: boolean }>('select pg_promote(true, 60) as promoted')
      if (rows[0]?.promoted !== true) throw new Error(`${this.name} was not promoted within a minute`)
    } finally {
      await client.end()
    }
  }

  async stop(): Promise<void> {
    await this.#postmaster?.stop('immediate')
  }
}
