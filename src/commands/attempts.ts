import type { AttemptsConfig } from '../config/config.ts'
import { urlWithoutQuery } from '../log/log.ts'
import { type AttemptRow, type History, readHistory } from '../outbox/history.ts'
import { printable, printableJson } from '../printable.ts'
import { inDatabase } from './in-database.ts'

/** `ringback attempts <id>`: every POST of one callback. */
export async function attempts(config: AttemptsConfig): Promise<number> {
  const { id, schema } = config
  const history = await inDatabase(config, 'attempts', db => readHistory(db, id))
  if (!history) throw new Error(`callback ${id} does not exist in schema "${schema}"`)
  if (config.json) {
    const { url, made, ...callback } = history
    process.stdout.write(`${printableJson({ schema, id, url: urlWithoutQuery(url), ...callback, made })}\n`)
    return 0
  }
  process.stdout.write([headline(id, history), ...history.made.map(line)].map(each => `${each}\n`).join(''))
  return 0
}

function headline(id: string, { url, status, attempts, lastError }: History): string {
  const count = attempts === 1 ? '1 attempt' : `${attempts} attempts`
  const why = lastError === null ? '' : `, ${printableJson(lastError)}`
  return `callback ${id}: ${status} after ${count}, ${urlWithoutQuery(url)}${why}`
}

function line({ attempt, startedAt, tookMs, outcome, httpStatus, error, excerpt, relay }: AttemptRow): string {
  return [
    `${attempt}.`,
    startedAt.toISOString(),
    `${Math.round(tookMs)} ms`,
    outcome,
    httpStatus ?? '-',
    printable(relay),
    ...(error ? [printableJson(error)] : []),
    ...(excerpt ? [printableJson(excerpt)] : []),
  ].join('  ')
}
