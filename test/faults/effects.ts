import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import pg from 'pg'
import { arrivalOf, receive } from '../../src/receiver/receiver.ts'
import type { Stage } from './stage.ts'

const INBOX = new URL('../../sql/receiver/inbox.sql', import.meta.url)

/** What callbacks do to a receiver's database, by the inbox that Ringback gives its receivers. Nothing else makes it once. */
export class Effects {
  readonly #pool: pg.Pool

  constructor(databaseUrl: string) {
    // The server does not crash here, and the disk belongs to those who are watched.
    const options = '-c synchronous_commit=off'
    this.#pool = new pg.Pool({ connectionString: databaseUrl, application_name: 'effects', max: 8, options })
  }

  /** The inbox, and a table that takes an effect as often as it happens. */
  static async prepare(client: pg.Client): Promise<void> {
    await client.query(await readFile(INBOX, 'utf8'))
    await client.query('create table effect (message_id uuid not null, outcome text not null)')
  }

  /** Resolves when the effect of this copy, or that it has none, is committed. */
  async take(headers: IncomingHttpHeaders): Promise<void> {
    const arrival = arrivalOf(headers)
    const client = await this.#pool.connect()
    try {
      const outcome = await receive(client, arrival, on => on.query(EFFECT, [arrival.messageId, 'handled']))
      if (outcome !== 'handled') await client.query(EFFECT, [arrival.messageId, outcome])
    } finally {
      client.release()
    }
  }
}

const EFFECT = 'insert into effect (message_id, outcome) values ($1, $2)'

const COUNTS = `
  select count(*) filter (where handled > 0)::int as effects,
         count(*) filter (where handled > 1)::int as twice,
         count(*) filter (where coalesce(handled, 0) = 0 and status = 'delivered')::int as missing,
         count(*) filter (where status is null)::int as foreign,
         coalesce(sum(duplicates), 0)::int as duplicates
    from outbox.callback full join (
           select message_id, count(*) filter (where outcome = 'handled') as handled,
                  count(*) filter (where outcome = 'duplicate') as duplicates
             from effect group by message_id) effect using (message_id)`

/** Holds the effects against the callbacks: each that was delivered has one. */
export async function checkEffects(stage: Stage): Promise<void> {
  const { rows } =
    await stage.client.query<Record<'effects' | 'twice' | 'missing' | 'foreign' | 'duplicates', number>>(COUNTS)
  const counts = rows[0] ?? { effects: 0, twice: 0, missing: 0, foreign: 0, duplicates: 0 }
  stage.figure('effects', counts.effects)
  stage.figure('effects twice', counts.twice)
  stage.figure('copies without effect', counts.duplicates)
  stage.bar('no callback has its effect twice', counts.twice === 0)
  stage.bar('every delivered callback has its effect', counts.missing === 0 && counts.effects > 0)
  stage.bar('no effect of what was never committed', counts.foreign === 0)
  stage.bar('some came again after their effect', counts.duplicates > 0)
}
