import type { AttemptsConfig } from '../config/config.ts'
import { urlWithoutQuery } from '../log/log.ts'
import { databaseOf } from '../outbox/database.ts'
import { type AttemptRow, type History, readHistory, readObstacles } from '../outbox/history.ts'
import type { Session } from '../outbox/session.ts'
import { printable, printableJson } from '../printable.ts'
import { inSession, inTransaction, timeoutMs } from './in-database.ts'

/** Why a callback is not sent now. */
interface Waits {
  /** The first reason that holds; null: it is not pending. */
  readonly waitsFor: 'hold' | 'key' | 'time' | 'receiver' | null
  /** The nearest unsettled callback before it in its key. */
  readonly behind: string | null
  readonly dueAt: Date | null
}

/** `ringback attempts <id>`: every POST of one callback, and what it waits for. */
export async function attempts(config: AttemptsConfig): Promise<number> {
  const { id, schema } = config
  const { history, waits } = await inSession(config, 'attempts', { timeoutMs }, session =>
    inTransaction(session, async () => ({
      history: await readHistory(databaseOf(session), id),
      waits: await readWaits(session, id),
    })),
  )
  if (!history) throw new Error(`callback ${id} does not exist in schema "${schema}"`)
  if (config.json) {
    const { url, made, ...callback } = history
    process.stdout.write(`${printableJson({ schema, id, url: urlWithoutQuery(url), ...callback, ...waits, made })}\n`)
    return 0
  }
  const lines = [headline(id, history), ...history.made.map(line), ...waitsLine(waits)]
  process.stdout.write(lines.map(each => `${each}\n`).join(''))
  return 0
}

async function readWaits(session: Session, id: string): Promise<Waits> {
  const obstacles = await readObstacles(session, id)
  if (obstacles === undefined) return { waitsFor: null, behind: null, dueAt: null }
  const { isHeld, behind, dueAt, isLater } = obstacles
  return { waitsFor: isHeld ? 'hold' : behind !== null ? 'key' : isLater ? 'time' : 'receiver', behind, dueAt }
}

function waitsLine({ waitsFor, behind, dueAt }: Waits): string[] {
  if (waitsFor === 'hold') return ['waits for the release of a hold; `ringback status` lists all holds']
  if (waitsFor === 'key') return [`waits for callback ${behind}, which is before it in its key`]
  if (waitsFor === 'time') return [`waits for its time: due at ${dueAt?.toISOString()}`]
  return waitsFor === null ? [] : ['is due, and goes out as soon as its receiver can take it']
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
