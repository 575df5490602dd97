import type { AttemptsConfig } from '../config.ts'
import { urlWithoutQuery } from '../observe/log.ts'
import type { Session, Statement } from '../outbox/session.ts'
import type { CallbackStatus } from '../outbox/tables.ts'
import { inDatabase } from './status.ts'

interface Callback {
  readonly url: string
  readonly status: CallbackStatus
  readonly attempts: number
  readonly lastError: string | null
}

interface Attempt {
  readonly attempt: number
  readonly startedAt: Date
  readonly tookMs: number
  readonly outcome: string
  readonly httpStatus: number | null
  readonly error: string | null
  readonly excerpt: string | null
  readonly relay: string
}

const callbackStatement: Statement = {
  name: 'ringback_callback',
  text: `select url, status, attempts, last_error as "lastError" from outbox.callback where id = $1`,
}

/** Two rows of one attempt (what an heir had to assume, what the old relay had seen) follow each other. */
const attemptsStatement: Statement = {
  name: 'ringback_attempts',
  text: `
    select attempt, started_at as "startedAt", outcome, http_status as "httpStatus", error, response_excerpt as excerpt, relay,
           (extract(epoch from finished_at - started_at) * 1000)::float8 as "tookMs"
      from outbox.attempt where callback_id = $1 order by attempt, epoch`,
}

/** `ringback attempts <id>`: every POST of one callback. */
export async function attempts(config: AttemptsConfig): Promise<number> {
  const text = await inDatabase(config, 'attempts', session => history(session, config.id))
  process.stdout.write(text)
  return 0
}

async function history(session: Session, id: string): Promise<string> {
  const [callback] = await session.rows<Callback>(callbackStatement, [id])
  if (!callback) throw new Error(`callback ${id} does not exist in this schema`)
  const made = await session.rows<Attempt>(attemptsStatement, [id])
  return [headline(id, callback), ...made.map(line)].map(each => `${each}\n`).join('')
}

function headline(id: string, { url, status, attempts, lastError }: Callback): string {
  const why = lastError === null ? '' : `, ${printable(lastError)}`
  return `callback ${id}: ${status} after ${attempts} attempts, ${urlWithoutQuery(url)}${why}`
}

function line({ attempt, startedAt, tookMs, outcome, httpStatus, error, excerpt, relay }: Attempt): string {
  return [
    `${attempt}.`,
    startedAt.toISOString(),
    `${Math.round(tookMs)} ms`,
    outcome,
    httpStatus ?? '-',
    relay,
    ...(error ? [printable(error)] : []),
    ...(excerpt ? [printable(excerpt)] : []),
  ].join('  ')
}

/** Receivers choose this text: it must not move the cursor of the terminal that shows it. */
function printable(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\u009f]/g, '\ufffd')
}
