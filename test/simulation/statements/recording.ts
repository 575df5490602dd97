import type { OutcomeKind } from '../../../src/model.ts'
import { type AttemptRecord, type Database, isSamePlace, type Row } from '../database.ts'
import { type Answer, atOnce, pauseOnServer } from './statement.ts'

interface Recorded {
  readonly id: number
  readonly attempt: number
  readonly epoch: number
  readonly outcome: OutcomeKind
  readonly httpStatus: number | null
  readonly startedMs: number
  readonly finishedMs: number
  readonly status: 'pending' | 'delivered' | 'dead'
  readonly retryMs: number | null
  readonly reason: string | null
  readonly writtenEpoch: number
  readonly messageId: string
  readonly holdsUrl: boolean
}

export function* record(db: Database, values: readonly unknown[]): Answer {
  const wanted = recordedOf(values)
  const seen = wanted.filter(each => isFenced(db, each))
  yield pauseOnServer
  const done = seen.filter(each => db.rows.get(each.id)?.lockedBy === null && isFenced(db, each))
  for (const each of wanted) if (!done.includes(each) && isFact(db, each)) log(db, each)
  for (const each of done) {
    const row = db.rows.get(each.id)!
    become(db, row, each)
    if (each.holdsUrl && ![...db.holds.keys()].some(held => isSamePlace(held, row.url)))
      db.holds.set(row.url, { isExact: true })
  }
  return done.map(({ id }) => ({ id: String(id) }))
}

function recordedOf(values: readonly unknown[]): Recorded[] {
  const [ids, messages, attempts, epochs, written, ...more] = values as unknown[][]
  const [outcomes, statuses, , , started, finished, becomes, retries, reasons, gone] = more
  return (ids ?? []).map((id, n) => ({
    id: Number(id),
    attempt: Number(attempts?.[n]),
    epoch: Number(epochs?.[n]),
    outcome: outcomes?.[n] as OutcomeKind,
    httpStatus: statuses?.[n] as number | null,
    startedMs: started?.[n] as number,
    finishedMs: finished?.[n] as number,
    status: becomes?.[n] as Recorded['status'],
    retryMs: retries?.[n] as number | null,
    reason: reasons?.[n] as string | null,
    writtenEpoch: Number(written?.[n]),
    messageId: messages?.[n] as string,
    holdsUrl: gone?.[n] === true,
  }))
}

/**
 * Of a row that it does not change: what an heir had to assume is none; nor is what was recorded before; nor what concerns
 * a row that is deleted, or another one, to which a failover has given the id.
 */
function isFact(db: Database, { id, messageId, attempt, epoch, writtenEpoch }: Recorded): boolean {
  const row = db.rows.get(id)
  if (writtenEpoch !== epoch || row?.messageId !== messageId) return false
  return row.attempts !== attempt || row.last?.epoch !== writtenEpoch
}

function isFenced(db: Database, { id, messageId, attempt, epoch, status }: Recorded): boolean {
  const row = db.rows.get(id)
  if (row?.messageId !== messageId) return false
  if (db.flaws.ignoresEpochs) return true
  if (row.attempts !== attempt || row.claimedEpoch !== epoch) return false
  return row.status === 'claimed' || (row.status === 'pending' && status === 'delivered')
}

function log(db: Database, each: Recorded): void {
  const attempt = attemptOf(db, each)
  if (attempt) db.log(attempt)
}

function attemptOf(db: Database, each: Recorded): AttemptRecord | null {
  if (db.flaws.forgetsRecords && each.id % 5 === 0) return null
  const [startedAt, finishedAt] = [db.now - each.startedMs, db.now - each.finishedMs]
  const { id, messageId, attempt, writtenEpoch: epoch, outcome, httpStatus } = each
  return { callbackId: id, messageId, attempt, epoch, startedAt, finishedAt, outcome, httpStatus }
}

function become(db: Database, row: Row, each: Recorded): void {
  const { status, retryMs, reason } = each
  const isAgain = status === 'pending' || (db.flaws.forgetsSettling === true && row.id % 7 === 0 && row.attempts === 1)
  row.status = isAgain ? 'pending' : status
  row.lastError = reason
  row.dueAt = isAgain ? Math.min(db.now + (retryMs ?? 0), row.expiresAt ?? Infinity) : null
  row.settledAt = isAgain ? null : db.now
  if (isAgain) log(db, each)
  else row.last = attemptOf(db, each)
}

export const look = atOnce((db, values) => {
  const ids = values[0] as string[]
  return ids.flatMap(id => {
    const row = db.rows.get(Number(id))
    return row === undefined ? [] : standing(db, row)
  })
})

function standing(db: Database, row: Row): Record<string, unknown> {
  const { status, attempts, lane, claimedEpoch, dueAt, expiresAt } = row
  const blocker = db.flaws.ignoresOrder ? undefined : db.blockerOf(row)
  return {
    id: String(row.id),
    messageId: row.messageId,
    status,
    attempts,
    lane,
    claimedEpoch: claimedEpoch === null ? null : String(claimedEpoch),
    dueInMs: dueAt === null || dueAt === Infinity ? 0 : Math.max(0, dueAt - db.now),
    expired: expiresAt !== null && expiresAt <= db.now,
    held: db.isHeld(row),
    parked: dueAt === Infinity,
    blockedBy: blocker === undefined ? null : String(blocker.id),
  }
}
