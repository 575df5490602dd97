import type { OutcomeKind } from '../../../src/model.ts'
import { type Database, isSamePlace, type Row } from '../database.ts'
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
  for (const each of wanted) if (!isOfAnother(db, each)) writeDown(db, each)
  const done = seen.filter(each => db.rows.get(each.id)?.lockedBy === null && isFenced(db, each))
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

/** Its id was given to another row after a failover. */
function isOfAnother(db: Database, { id, messageId }: Recorded): boolean {
  const row = db.rows.get(id)
  return row !== undefined && row.messageId !== messageId
}

function isFenced(db: Database, { id, messageId, attempt, epoch, status }: Recorded): boolean {
  const row = db.rows.get(id)
  if (row?.messageId !== messageId) return false
  if (db.flaws.ignoresEpochs) return true
  if (row.attempts !== attempt || row.claimedEpoch !== epoch) return false
  return row.status === 'claimed' || (row.status === 'pending' && status === 'delivered')
}

/** ON CONFLICT DO NOTHING. */
function writeDown(db: Database, each: Recorded): void {
  const name = `${each.id} ${each.messageId} ${each.attempt} ${each.writtenEpoch}`
  if (db.attempts.has(name) || (db.flaws.forgetsRecords && each.id % 5 === 0)) return
  const [startedAt, finishedAt] = [db.now - each.startedMs, db.now - each.finishedMs]
  const { id, messageId, attempt, writtenEpoch: epoch, outcome, httpStatus } = each
  db.attempts.set(name, { callbackId: id, messageId, attempt, epoch, startedAt, finishedAt, outcome, httpStatus })
}

function become(db: Database, row: Row, { status, retryMs, reason }: Recorded): void {
  const isAgain = status === 'pending' || (db.flaws.forgetsSettling === true && row.id % 7 === 0 && row.attempts === 1)
  row.status = isAgain ? 'pending' : status
  row.lastError = reason
  row.dueAt = isAgain ? Math.min(db.now + (retryMs ?? 0), row.expiresAt ?? Infinity) : null
  row.settledAt = isAgain ? null : db.now
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
