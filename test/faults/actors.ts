import { join } from 'node:path'
import type pg from 'pg'
import { now } from './clock.ts'
import { Journal } from './journal.ts'
import { connected } from './servers.ts'
import type { Stage } from './stage.ts'
import type { WrittenLine } from './transaction.ts'

/** Settings of a role, by name. */
export type Settings = Readonly<Record<string, string>>

/** With all that a string literal or a pattern may trip over. */
const MESSAGE = String.raw`C:\temp\new 'quoted' "twice" [[:space:]] \d+`

/** A role for a relay and one for a producer, whose sessions begin with settings that somebody else has chosen. */
export class Actors {
  readonly relayUrl: string
  readonly producerUrl: string
  readonly #stage: Stage
  readonly #url: string
  readonly #journal: Journal
  readonly #names: { readonly relay: string; readonly producer: string }
  #count = 0

  static async create(stage: Stage, url: string): Promise<Actors> {
    const actors = new Actors(stage, url)
    stage.undo(null, () => actors.#journal.close())
    for (const [kind, name] of Object.entries(actors.#names)) {
      await stage.client.query(`create role ${name} login in role outbox_${kind}`)
      stage.undo(null, async () => {
        await stage.client.query(`drop owned by ${name}`)
        await stage.client.query(`drop role ${name}`)
      })
    }
    return actors
  }

  private constructor(stage: Stage, url: string) {
    const database = new URL(stage.databaseUrl).pathname.slice(1)
    this.#stage = stage
    this.#url = url
    this.#journal = new Journal(join(stage.folder, 'written-actors.jsonl'))
    this.#names = { relay: `${database}_relay`, producer: `${database}_producer` }
    this.relayUrl = as(stage.databaseUrl, this.#names.relay)
    this.producerUrl = as(stage.databaseUrl, this.#names.producer)
  }

  get relayRole(): string {
    return this.#names.relay
  }

  /** From the next session on, these and no others. A producer for whom all is read only could not even try. */
  async begin(settings: Settings): Promise<void> {
    for (const name of Object.values(this.#names)) await this.#stage.client.query(`alter role ${name} reset all`)
    for (const [setting, value] of Object.entries(settings)) {
      await this.#set(this.#names.relay, setting, value)
      if (setting !== 'default_transaction_read_only') await this.#set(this.#names.producer, setting, value)
    }
  }

  async #set(role: string, setting: string, value: string): Promise<void> {
    // A list of names is no string.
    await this.#stage.client.query(
      `alter role ${role} set ${setting} = ${setting === 'search_path' ? value : `'${value}'`}`,
    )
  }

  /**
   * Writes one callback with a plain INSERT, and one in the scheduler's own vocabulary, each in a transaction of the producer's.
   *
   * @throws whatever PostgreSQL says, and when it says that all is well and nothing was written.
   */
  async write(databaseUrl = this.producerUrl): Promise<WrittenLine[]> {
    const producer = await connected(databaseUrl)
    try {
      this.#count += 1
      const n = this.#count
      const plain = JSON.stringify({ n: `plain-${n}`, message: MESSAGE })
      return [
        await this.#note(`c.form::text = $1`, plain, { n: `plain-${n}`, message: MESSAGE }, () =>
          producer.query('insert into outbox.callback (url, form, ordering_key) values ($1, $2, $3)', [
            this.#url,
            plain,
            'plain',
          ]),
        ),
        await this.#note(
          `c.form ->> 'flowExecutionId' = $1`,
          String(n),
          { flowId: '7', flowExecutionId: String(n), code: '3', message: MESSAGE },
          () =>
            producer.query('select outbox.flow_execution_changed($1, 7, $2, $3, $4)', [this.#url, n, 'error', MESSAGE]),
        ),
      ]
    } finally {
      await producer.end()
    }
  }

  async #note(
    where: string,
    value: string,
    form: Record<string, string>,
    insert: () => Promise<pg.QueryResult>,
  ): Promise<WrittenLine> {
    const insertingAt = now()
    await insert()
    const { rows } = await this.#stage.client.query<{ id: string; messageId: string; key: string }>(
      `select id::text, message_id as "messageId", ordering_key as key from outbox.callback c where ${where}`,
      [value],
    )
    if (rows[0] === undefined)
      throw new Error(`lost in silence: ${JSON.stringify(form)} was committed, and there is no such row`)
    const line = {
      ...rows[0],
      insertingAt,
      committingAt: insertingAt,
      committedAt: now(),
      bodies: [new URLSearchParams(form).toString()],
    }
    this.#journal.write(line)
    return line
  }
}

function as(databaseUrl: string, role: string): string {
  const url = new URL(databaseUrl)
  url.username = role
  return url.href
}
