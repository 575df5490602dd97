import { type CsvRow, readCsv } from './csv.ts'
import type { Arrival, AttemptRow, CallbackRow, History, Written } from './history.ts'
import { type JsonRow, readJsonLines } from './json-lines.ts'

/** Files that hold what is known of a run. */
export interface Books {
  readonly callbacks: string
  readonly attempts: string
  readonly arrivals: string
  /** Null: the producers kept none. */
  readonly written: string | null
}

const statuses = ['pending', 'claimed', 'delivered', 'dead', 'cancelled'] as const
const outcomes = ['delivered', 'rejected', 'failed', 'not_sent', 'unknown'] as const

/**
 * Reads exports of the two tables (CSV with a header line, as psql's \copy writes it) and the logs of receivers and producers.
 *
 * @param bodyOf the form as it goes out, of the JSON text in the table.
 * @throws {Error} naming file, line, field, what was expected and what came.
 */
export async function readBooks(books: Books, bodyOf: (form: string) => string | null): Promise<History> {
  return {
    callbacks: await readCsv(books.callbacks, row => callback(row, bodyOf)),
    attempts: await readCsv(books.attempts, attempt),
    arrivals: await readJsonLines(books.arrivals, arrival),
    written: books.written === null ? null : await readJsonLines(books.written, written),
    acts: [],
  }
}

function callback(row: CsvRow, bodyOf: (form: string) => string | null): CallbackRow {
  return {
    id: row.text('id'),
    messageId: row.text('message_id'),
    key: row.textOrNull('ordering_key'),
    status: row.oneOf('status', statuses),
    attempts: row.integer('attempts'),
    budgetFrom: row.integer('budget_from'),
    lastError: row.textOrNull('last_error'),
    createdAt: row.time('created_at'),
    claimedAt: row.timeOrNull('claimed_at'),
    settledAt: row.timeOrNull('settled_at'),
    dueAt: row.timeOrNull('due_at'),
    body: bodyOf(row.text('form')),
  }
}

function attempt(row: CsvRow): AttemptRow {
  return {
    messageId: row.text('message_id'),
    attempt: row.integer('attempt'),
    startedAt: row.time('started_at'),
    finishedAt: row.time('finished_at'),
    outcome: row.oneOf('outcome', outcomes),
    httpStatus: row.integerOrNull('http_status'),
  }
}

function arrival(row: JsonRow): Arrival {
  const seen = { messageId: row.text('messageId'), attempt: row.integer('attempt'), body: row.textOrNull('body') }
  const at = row.time('at')
  if (!row.has('answered')) return { ...seen, at }
  return { ...seen, at, answered: row.isNull('answered') ? null : row.integer('answered') }
}

function written(row: JsonRow): Written {
  return {
    messageId: row.text('messageId'),
    id: row.textOrNull('id'),
    key: row.textOrNull('key'),
    insertingAt: row.time('insertingAt'),
    committedAt: committedAt(row),
    bodies: row.textOrNull('body') === null ? null : [row.text('body')],
  }
}

function committedAt(row: JsonRow): Written['committedAt'] {
  if (row.isNull('committedAt')) return null
  return row.is('committedAt', 'unknown') ? 'unknown' : row.time('committedAt')
}
