import type { Database, Row } from '../database.ts'
import { type Answer, pauseOnServer } from './statement.ts'

interface Mine {
  readonly lanes: Set<number>
  release(): void
}

/** The lanes that still have these epochs, FOR KEY SHARE until released. */
function lockMine(db: Database, lanes: readonly number[], epochs: readonly string[]): Mine {
  const token = {}
  const mine = new Set(lanes.filter((lane, n) => db.flaws.ignoresEpochs || db.lanes[lane]?.epoch === Number(epochs[n])))
  for (const lane of mine) db.lanes[lane]?.sharedBy.add(token)
  return {
    lanes: mine,
    release: () => {
      for (const lane of mine) db.lanes[lane]?.sharedBy.delete(token)
    },
  }
}

function wantedRows(db: Database, ids: readonly string[], mine: Mine): Row[] {
  return ids.flatMap(id => {
    const row = db.rows.get(Number(id))
    return row !== undefined && mine.lanes.has(row.lane) ? row : []
  })
}

/** SKIP LOCKED; and a row that was changed since the snapshot is asked again, as PostgreSQL does. */
function lockable(rows: readonly Row[], isWanted: (row: Row) => boolean): Row[] {
  return rows.filter(row => row.lockedBy === null && isWanted(row))
}

export function* claim(db: Database, values: readonly unknown[]): Answer {
  const [ids, lanes, laneEpochs, epochs] = values as [string[], number[], string[], (string | null)[]]
  const mine = lockMine(db, lanes, laneEpochs)
  try {
    const isFree = (row: Row): boolean => isClaimable(db, row) && !db.isHeld(row)
    // Of earlier rows the snapshot tells: one that commits meanwhile is not seen, even where the row itself is asked again.
    const seen = wantedRows(db, ids, mine).filter(row => isFree(row) && (db.flaws.ignoresOrder || !db.blockerOf(row)))
    yield pauseOnServer
    const rows = lockable(seen, isFree)
    for (const row of rows) {
      row.status = 'claimed'
      row.settledAt = null
      row.attempts += 1
      row.claimedAt = db.now
      row.claimedEpoch = Number(epochs[row.lane])
    }
    return rows.map(claimed)
  } finally {
    mine.release()
  }
}

function isClaimable(db: Database, { status, dueAt, expiresAt }: Row): boolean {
  const isPending = status === 'pending' || (db.flaws.claimsCancelled === true && status === 'cancelled')
  const isDue = dueAt === null || dueAt === Infinity || dueAt <= db.now
  return isPending && isDue && (expiresAt === null || expiresAt > db.now)
}

function claimed(row: Row): Record<string, unknown> {
  const { attempts, budgetFrom, messageId, lane, key, origin, url, form, maxAttempts } = row
  return {
    id: String(row.id),
    attempt: attempts,
    epoch: String(row.claimedEpoch),
    messageId,
    lane,
    orderingKey: key,
    origin,
    url,
    form,
    traceparent: null,
    attemptOfBudget: attempts - budgetFrom,
    maxAttempts,
  }
}

export const expire = settling(
  ({ expiresAt }, now) => expiresAt !== null && expiresAt <= now,
  (row, now) => {
    const lastError = `expired${row.lastError === null ? '' : `; last attempt: ${row.lastError}`}`
    Object.assign(row, { status: 'dead', dueAt: null, settledAt: now, lastError })
  },
)

export const park = settling(
  ({ dueAt }, now) => dueAt === null || dueAt <= now,
  row => {
    row.dueAt = Infinity
  },
)

export const giveUp = settling(
  () => true,
  (row, now, reason) => Object.assign(row, { status: 'dead', dueAt: null, settledAt: now, lastError: reason }),
)

function settling(
  condition: (row: Row, now: number) => boolean,
  change: (row: Row, now: number, reason: string | null) => void,
) {
  return function* settle(db: Database, values: readonly unknown[]): Answer {
    const [ids, lanes, epochs, reasons] = values as [string[], number[], string[], string[] | undefined]
    const isWanted = (row: Row): boolean => row.status === 'pending' && condition(row, db.now)
    const mine = lockMine(db, lanes, epochs)
    try {
      const seen = wantedRows(db, ids, mine).filter(isWanted)
      yield pauseOnServer
      const rows = lockable(seen, isWanted)
      for (const row of rows) change(row, db.now, reasons?.[ids.indexOf(String(row.id))] ?? null)
      return rows.map(({ id }) => ({ id: String(id) }))
    } finally {
      mine.release()
    }
  }
}
