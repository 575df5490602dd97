import { join } from 'node:path'
import { now } from './clock.ts'
import { Journal } from './journal.ts'
import type { Stage } from './stage.ts'
import type { WrittenLine } from './transaction.ts'

export interface Bulk {
  /** First part of the names of its rows; no other bulk of the run has it. */
  readonly name: string
  readonly count: number
  /** Of row `n`, from 0. */
  readonly url: (n: number) => string
  /** Default: no key. */
  readonly key?: (n: number) => string | null
  /** Due so much later than the insert, by the database's clock, in milliseconds. Default: at once. */
  readonly dueInMs?: number
  /** Length of a field that pads the form, in characters. Default 0. */
  readonly padding?: number
  /** Default: the relay's. */
  readonly maxAttempts?: number
  /** Further fields of the form; what such a body looks like is not judged. */
  readonly more?: object
}

const INSERT = `
  insert into outbox.callback (url, form, ordering_key, due_at, max_attempts)
  select url, form::json, key, clock_timestamp() + $4 * interval '1 ms', $5::int from unnest($1::text[], $2::text[], $3::text[]) r (url, form, key)
  returning id::text, message_id, form ->> 'n' as name`

/** Rows that a scenario writes itself, a thousand a transaction, with their lines in the book. */
export async function insertBulk(stage: Pick<Stage, 'client' | 'folder'>, bulk: Bulk): Promise<WrittenLine[]> {
  const journal = new Journal(join(stage.folder, `written-${bulk.name}.jsonl`))
  const lines: WrittenLine[] = []
  for (let from = 0; from < bulk.count; from += 1_000) {
    const rows = Array.from({ length: Math.min(1_000, bulk.count - from) }, (_, n) => rowOf(bulk, from + n))
    const inserted = await insert(stage, bulk, rows)
    journal.write(...inserted)
    lines.push(...inserted)
  }
  journal.close()
  return lines
}

interface Row {
  readonly name: string
  readonly url: string
  readonly form: string
  readonly body: string
  readonly key: string | null
}

function rowOf({ name, url, key, padding = 0, more }: Bulk, n: number): Row {
  const fields = { n: `${name}-${n}`, ...(padding > 0 ? { padding: 'x'.repeat(padding) } : {}) }
  const body = new URLSearchParams(fields).toString()
  return { name: fields.n, url: url(n), form: JSON.stringify({ ...fields, ...more }), body, key: key?.(n) ?? null }
}

async function insert({ client }: Pick<Stage, 'client'>, bulk: Bulk, rows: readonly Row[]): Promise<WrittenLine[]> {
  const insertingAt = now()
  const columns = [rows.map(row => row.url), rows.map(row => row.form), rows.map(row => row.key)]
  const answer = await client.query<{ id: string; message_id: string; name: string }>(INSERT, [
    ...columns,
    bulk.dueInMs ?? null,
    bulk.maxAttempts ?? null,
  ])
  const committedAt = now()
  const byName = new Map(rows.map(row => [row.name, row]))
  return answer.rows.map(({ id, message_id, name }) => {
    const { key, body } = byName.get(name) as Row
    return { messageId: message_id, id, key, insertingAt, committingAt: insertingAt, committedAt, bodies: [body] }
  })
}
