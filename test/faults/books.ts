import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import type { Act, AttemptRow, CallbackRow, History } from '../checker/history.ts'
import { areDeletionsWatched, DELETED } from './deletions.ts'
import { Journal, readJournal } from './journal.ts'
import type { ArrivalLine } from './receiver.ts'
import type { WrittenLine } from './transaction.ts'

/** A row of `outbox.attempt`, with what the checker does not ask for. */
export interface AttemptLine extends AttemptRow {
  readonly callbackId: string
  readonly relay: string
  readonly error: string | null
}

/** All books of a run: what the checker is given, and what figures are made of. */
export interface Books extends History {
  readonly written: readonly WrittenLine[]
  readonly arrivals: readonly ArrivalLine[]
  readonly attempts: readonly AttemptLine[]
}

/** What operators did. */
export interface Operated {
  readonly acts: readonly Act[]
  /** The last body that a callback was given, by its message id. */
  readonly amended: ReadonlyMap<string, string>
}

const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

/** @param deletedAt an expression; null: of rows that are there. */
const callbacksIn = (schema: string, deletedAt: string | null) => `
  select id::text, message_id as "messageId", ordering_key as key, supersede_key as "supersedeKey", status, attempts, budget_from as "budgetFrom", last_error as "lastError",
         ${ms('created_at')} as "createdAt", ${ms('claimed_at')} as "claimedAt", ${ms('settled_at')} as "settledAt", ${ms('due_at')} as "dueAt"
         ${deletedAt === null ? '' : `, ${ms(deletedAt)} as "deletedAt"`}
    from ${schema}.callback order by ${schema}.callback.id`

const attemptsIn = (schema: string) => `
  select callback_id::text as "callbackId", message_id as "messageId", attempt, outcome, http_status as "httpStatus", relay, error,
         ${ms('started_at')} as "startedAt", ${ms('finished_at')} as "finishedAt"
    from ${schema}.attempt order by ${schema}.attempt.callback_id, ${schema}.attempt.attempt`

/**
 * Reads the journals of the folder, and both tables, with what was deleted from them where that is watched (`deletions.ts`).
 * What was read of the tables is kept beside the journals.
 */
export async function readBooks(folder: string, client: pg.Client, { acts, amended }: Operated): Promise<Books> {
  const { callbacks, attempts } = await readTables(client)
  keep(join(folder, 'callbacks.jsonl'), callbacks)
  keep(join(folder, 'attempts.jsonl'), attempts)
  const written = new Map(journals<WrittenLine>(folder, 'written').map(line => [line.messageId, line]))
  for (const [messageId, body] of amended) {
    const line = written.get(messageId)
    if (line) written.set(messageId, { ...line, bodies: [...(line.bodies ?? []), body] })
  }
  return { written: [...written.values()], acts, arrivals: journals(folder, 'arrivals'), callbacks, attempts }
}

/** Both tables of one moment: a relay may still be writing. */
async function readTables(client: pg.Client): Promise<Pick<Books, 'callbacks' | 'attempts'>> {
  await client.query('begin isolation level repeatable read, read only')
  const callbacks = (await client.query<CallbackRow>(callbacksIn('outbox', null))).rows
  const attempts = (await client.query<AttemptLine>(attemptsIn('outbox'))).rows
  if (await areDeletionsWatched(client)) {
    callbacks.push(...(await client.query<CallbackRow>(callbacksIn(DELETED, 'deleted_at'))).rows)
    attempts.push(...(await client.query<AttemptLine>(attemptsIn(DELETED))).rows)
  }
  await client.query('commit')
  return { callbacks, attempts }
}

/** Lines of `<kind>-<n>.jsonl`, all files one after another. */
export function journals<Entry>(folder: string, kind: string): Entry[] {
  const files = readdirSync(folder).filter(file => file.startsWith(`${kind}-`))
  return files.flatMap(file => readJournal<Entry>(join(folder, file)))
}

function keep(path: string, rows: readonly object[]): void {
  const journal = new Journal(path)
  for (let at = 0; at < rows.length; at += 1_000) journal.write(...rows.slice(at, at + 1_000))
  journal.close()
}
