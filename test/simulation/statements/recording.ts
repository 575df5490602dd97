import type { OutcomeKind } from '../../../src/model.ts'
import { elements } from '../../fixtures/plain-array.ts'
import { type AttemptRecord, type Database, isSamePlace, type Row } from '../database.ts'
import { firstOfKey, lock, nothing, rowsOf, shown, unlock } from './rows.ts'
import { type Answer, type Backend, pauseOnServer, type ServerStatement } from './statement.ts'

interface Recorded {
  readonly id: number
  readonly attempt: number
  readonly epoch: string
  readonly rev: number
  readonly outcome: OutcomeKind
  readonly httpStatus: number | null
  readonly startedMs: number
  readonly finishedMs: number
  readonly status: 'pending' | 'delivered' | 'dead'
  readonly retryMs: number | null
  readonly reason: string | null
  readonly writtenEpoch: string
  readonly messageId: string
  readonly holdsUrl: boolean
}

export const record: ServerStatement = (db, values, backend) => recording(db, values, backend, false)
/** As `record`, and deletes delivered rows. */
export const recordDeleting: ServerStatement = (db, values, backend) => recording(db, values, backend, true)

function* recording(db: Database, values: readonly unknown[], backend: Backend, deletes: boolean): Answer {
  const wanted = new Map(recordedOf(values).map(each => [each.id, each]))
  const epoch = values[18] as string
  const holder = {}
  if (deletes) db.forUpdate.add(holder)
  const isMine = (row: Row): boolean => {
    const each = wanted.get(row.id)
    return each !== undefined && isFenced(db, row, each)
  }
  try {
    const seen = rowsOf(db, [...wanted.keys()].map(String)).filter(isMine)
    const next = new Map(seen.map(row => [row, firstOfKey(db, row.key, { epoch, other: row.id })]))
    yield pauseOnServer
    const done = lock(seen, holder, isMine).sort((a, b) => a.id - b.id)
    yield pauseOnServer
    for (const each of wanted.values())
      if (!done.some(({ id }) => id === each.id) && isFact(db, each, deletes)) log(db, each)
    return done.map(row => {
      const each = wanted.get(row.id)!
      if (each.writtenEpoch !== each.epoch && backend.hasBegun(each) && !isOnRecord(db, each))
        db.strays.push(`attempt ${each.attempt} of callback ${row.id} was recovered by the relay that had made it`)
      const leaves =
        deletes && row.status === 'claimed' && (each.status === 'delivered' || db.flaws.deletesFailed === true)
      if (leaves) db.delete(row, each.attempt > 1)
      else become(db, row, each)
      const held = each.holdsUrl ? holdGone(db, row.url, backend) : null
      const named = row.settledAt === null ? nothing : next.get(row)
      return { recordedId: String(row.id), recordedKey: row.key, ...named, held }
    })
  } finally {
    unlock(db, holder)
  }
}

function recordedOf(values: readonly unknown[]): Recorded[] {
  const [ids, messages, attempts, revs, started, finished, retries, endings] = values.slice(0, 8).map(elements)
  const [epochs, written, outcomes, statuses, , , becomes, reasons, gone] = values.slice(8, 17) as unknown[][]
  return ids!.map((id, n) => {
    const ending = Number(endings![n]) - 1
    return {
      id: Number(id),
      attempt: Number(attempts![n]),
      epoch: epochs![ending] as string,
      rev: Number(revs![n]),
      outcome: outcomes![ending] as OutcomeKind,
      httpStatus: statuses![ending] as number | null,
      startedMs: Number(started![n]) / 1_000,
      finishedMs: Number(finished![n]) / 1_000,
      status: becomes![ending] as Recorded['status'],
      retryMs: retries![n] === 'null' ? null : Number(retries![n]),
      reason: reasons![ending] as string | null,
      writtenEpoch: written![ending] as string,
      messageId: messages![n] as string,
      holdsUrl: gone![ending] === true,
    }
  })
}

/**
 * Whether the attempt goes into the log although the record does not change its row. It does not:
 *
 * - if the relay that took over only assumed it
 * - if it is recorded in the row already
 * - if the row is deleted, or will be
 * - if FOR KEY SHARE does not get the row
 * - if a failover has given the id to another callback
 */
function isFact(db: Database, each: Recorded, deletes: boolean): boolean {
  const { id, messageId, attempt, epoch, writtenEpoch } = each
  const row = db.rows.get(id)
  if (writtenEpoch !== epoch || row?.messageId !== messageId) return false
  if (row.lockedBy !== null && db.forUpdate.has(row.lockedBy)) return false
  if (deletes && waitsForRecord(row, each) && !db.flaws.logsBeforeDeleting) return false
  return row.attempts !== attempt || row.last?.epoch !== writtenEpoch
}

/** Whether the row will be deleted once nobody has locked it. That deletion does not search the log. */
function waitsForRecord(row: Row, { attempt, epoch, status }: Recorded): boolean {
  return status === 'delivered' && row.status === 'claimed' && row.attempts === attempt && row.claimedEpoch === epoch
}

function isFenced({ flaws }: Database, row: Row, { messageId, attempt, epoch, rev, status }: Recorded): boolean {
  if (row.messageId !== messageId) return false
  if (flaws.recordsAnything) return true
  if (row.attempts !== attempt || row.claimedEpoch !== epoch) return false
  if (row.status === 'claimed') return row.rev === rev || flaws.recordsAnyRev === true
  return row.status === 'pending' && status === 'delivered'
}

/** Whether the attempt is recorded by the relay that made it. */
function isOnRecord(db: Database, { messageId, attempt, epoch }: Recorded): boolean {
  return db.attempts.some(each => each.messageId === messageId && each.attempt === attempt && each.epoch === epoch)
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
  Object.assign(row, {
    status: isAgain ? 'pending' : status,
    rev: row.rev + 1,
    lastError: reason,
    dueAt: isAgain ? Math.min(db.now + (retryMs ?? 0), row.expiresAt ?? Infinity) : null,
    settledAt: isAgain ? null : db.now,
  } satisfies Partial<Row>)
  if (isAgain) log(db, each)
  else row.last = attemptOf(db, each)
}

/** @returns false: the URL was on hold before. */
function holdGone(db: Database, url: string, { pid }: Backend): boolean {
  if ([...db.holds.keys()].some(held => isSamePlace(held, url))) return false
  db.holds.set(url, { isExact: true, since: db.now })
  db.notify(pid, 'hold')
  return true
}

export function* look(db: Database, values: readonly unknown[]): Answer {
  const [ids, epoch] = values as [string[], string]
  const holder = {}
  const rows = rowsOf(db, ids)
  const got = new Set(lock(rows, holder, ({ settledAt }) => settledAt === null))
  const answer = rows.map(row => standing(db, row, epoch, got.has(row)))
  try {
    yield pauseOnServer
    return answer
  } finally {
    unlock(db, holder)
  }
}

function standing(db: Database, row: Row, epoch: string, isGot: boolean): Record<string, unknown> {
  const { messageId, status, attempts, claimedEpoch, expiresAt, settledAt } = row
  const first = db.firstOf(row.key)
  return {
    messageId,
    status,
    attempts,
    claimedEpoch,
    ...shown(db, row, epoch),
    expiredMs: expiresAt !== null && expiresAt <= db.now ? db.now - expiresAt : null,
    isSuperseded: db.supersederOf(row) !== undefined,
    isHeld: db.isHeld(row),
    isLocked: settledAt === null && !isGot,
    first: first && first.id < row.id ? shown(db, first, epoch) : null,
  }
}
