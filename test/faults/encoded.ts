import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { migrateForTests } from '../fixtures/database.ts'
import { type Books, readBooks } from './books.ts'
import { connected } from './servers.ts'
import type { Stage } from './stage.ts'

/** An encoding of one byte a character, and a byte that a client whose encoding is UTF8 cannot be given: PostgreSQL refuses to send the row. */
export interface Encoding {
  readonly name: 'SQL_ASCII' | 'WIN1252'
  readonly oddByte: number
}

export const encodings: readonly Encoding[] = [
  { name: 'SQL_ASCII', oddByte: 0xe9 },
  { name: 'WIN1252', oddByte: 0x81 },
]

/** Ids of one database stand above those of the one before, so that all of them can be held against one another at once. */
const IDS_EACH = 1_000_000_000

/** A further database of the scenario's server, migrated, in another encoding. */
export class EncodedDatabase {
  readonly encoding: Encoding
  /** As a relay's own role: it owns nothing and may do what `outbox_relay` may. */
  readonly relayUrl: string
  /** The server gives it bytes as they are. */
  readonly client: pg.Client
  readonly #folder: string

  private constructor(parts: Pick<EncodedDatabase, 'encoding' | 'relayUrl' | 'client'>, folder: string) {
    this.encoding = parts.encoding
    this.relayUrl = parts.relayUrl
    this.client = parts.client
    this.#folder = folder
  }

  /** @param at its place among those of the scenario. */
  static async create(stage: Stage, encoding: Encoding, at: number): Promise<EncodedDatabase> {
    const url = new URL(stage.databaseUrl)
    const name = `${url.pathname.slice(1)}_${encoding.name.toLowerCase()}`
    const role = `${name}_relay`
    await stage.client.query(
      `create database ${name} template template0 encoding '${encoding.name}' locale_provider libc lc_collate 'C' lc_ctype 'C'`,
    )
    stage.undo(null, async () => {
      await client?.end()
      await stage.client.query(`drop database ${name} with (force)`)
      await stage.client.query(`drop role if exists ${role}`)
    })
    url.pathname = `/${name}`
    await migrateForTests(url.href)
    const client: pg.Client = await connected(url.href)
    await client.query("set client_encoding to 'SQL_ASCII'")
    await client.query(`alter table outbox.callback alter column id restart with ${at * IDS_EACH + 1}`)
    await client.query(`create role ${role} login in role outbox_relay`)
    url.username = role
    const folder = join(stage.folder, encoding.name)
    mkdirSync(folder)
    return new EncodedDatabase({ encoding, relayUrl: url.href, client }, folder)
  }

  /** What both tables say; the journals are the stage's. */
  async tables(): Promise<Pick<Books, 'callbacks' | 'attempts'>> {
    return readBooks(this.#folder, this.client, { acts: [], amended: new Map() })
  }

  /** Callbacks of these that are not settled. */
  async unsettled(lines: readonly { readonly messageId: string }[]): Promise<number> {
    const { rowCount } = await this.client.query(
      'select from outbox.callback where message_id = any($1::uuid[]) and settled_at is null',
      [lines.map(({ messageId }) => messageId)],
    )
    return rowCount ?? 0
  }
}
