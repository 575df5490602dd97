import type { Database, Row } from '../database.ts'
import { atOnce, type ServerStatement } from './statement.ts'
import { timeOf, timeText } from './time-text.ts'

/** An index entry as a read finds it. */
interface Entry {
  readonly row: Row
  readonly position: unknown
  readonly late: boolean
  readonly dueInMs: number
}

function entry(db: Database, row: Row, { late, dueInMs }: { late: boolean; dueInMs: number }): Record<string, unknown> {
  const { lane, origin, status, attempts, claimedEpoch, budgetFrom, maxAttempts, claimedAt } = row
  const claimed =
    status === 'claimed'
      ? {
          messageId: row.messageId,
          attempt: attempts,
          epoch: String(claimedEpoch),
          laneEpoch: String(db.lanes[lane]?.epoch),
          attemptOfBudget: attempts - budgetFrom,
          maxAttempts,
          msAgo: db.now - (claimedAt ?? 0),
        }
      : null
  const orderingKey = db.flaws.ignoresOrder ? null : row.key
  return { id: String(row.id), lane, orderingKey, origin, claimed, dueInMs, late }
}

/** Rows of these lanes; or one row that tells only how far the read came. */
function picked(db: Database, ground: readonly Entry[], lanes: readonly number[], options: Picking = {}): unknown[] {
  const { read = ground.length, isWanted = () => true } = options
  const reach = { read, reached: ground.at(-1)?.position ?? null }
  const mine = ground.filter(({ row }) => lanes.includes(row.lane) && isWanted(row))
  if (mine.length === 0) return [{ id: null, ...reach }]
  return mine.map(each => ({ ...entry(db, each.row, each), ...reach }))
}

interface Picking {
  readonly read?: number
  readonly isWanted?: (row: Row) => boolean
}

function freshEntries(db: Database, isWanted: (row: Row) => boolean): Entry[] {
  const rows = db.unsettled.filter(row => row.dueAt === null && !db.lost.has(row.id) && isWanted(row))
  return rows.map(row => ({ row, position: String(row.id), late: false, dueInMs: 0 }))
}

export const fresh = atOnce((db, values) => {
  const [from, lanes, limit, upTo, after] = values as [string, number[], number, string, string]
  const [known, end] = [Number(after), Number(upTo)]
  const old = freshEntries(db, ({ id }) => id > Number(from) && id <= known)
  const ground = freshEntries(db, ({ id }) => id > known && id <= end).slice(0, limit)
  db.readUpTo = Math.max(db.readUpTo, ground.at(-1)?.row.id ?? 0)
  return picked(db, [...old, ...ground], lanes, { read: ground.length })
})

export const claimedFresh = atOnce((db, values) => {
  const [after, lanes, limit] = values as [string, number[], number]
  const ground = freshEntries(db, ({ id }) => id > Number(after)).slice(0, limit)
  return picked(db, ground, lanes, { isWanted: ({ status }) => status === 'claimed' })
})

export const freshEnd = atOnce((db, values) => {
  const rows = freshEntries(db, () => true)
  const end = rows.at(-1 - (values[0] as number))
  return end === undefined ? [] : [{ id: end.position }]
})

function dueEntries(db: Database, afterText: string, afterId: string, upTo: number): Entry[] {
  const [after, id] = [timeOf(afterText), Number(afterId)]
  return db.unsettled
    .flatMap(row => (row.dueAt === null ? [] : { row, dueAt: row.dueAt }))
    .filter(({ row, dueAt }) => dueAt <= upTo && (dueAt > after || (dueAt === after && row.id > id)))
    .sort((a, b) => (a.dueAt === b.dueAt ? a.row.id - b.row.id : a.dueAt - b.dueAt))
    .map(({ row, dueAt }) => {
      const position = { dueAt: timeText(dueAt), id: String(row.id) }
      return { row, position, late: true, dueInMs: dueAt - db.now }
    })
}

export const due = atOnce((db, values) => {
  const [after, lanes, limit, id, horizonMs] = values as [string, number[], number, string, number]
  return picked(db, dueEntries(db, after, id, db.now + horizonMs).slice(0, limit), lanes)
})

export const claimedDue = atOnce((db, values) => {
  const [after, lanes, limit, id] = values as [string, number[], number, string]
  const ground = dueEntries(db, after, id, Infinity).slice(0, limit)
  return picked(db, ground, lanes, { isWanted: ({ status }) => status === 'claimed' })
})

export const parked = atOnce((db, values) => {
  const [origin, lanes, limit, id] = values as [string, number[], number, string]
  const ground = db.unsettled
    .filter(row => row.dueAt === Infinity && !db.isHeld(row))
    .filter(row => row.origin > origin || (row.origin === origin && row.id > Number(id)))
    .sort((a, b) => (a.origin === b.origin ? a.id - b.id : a.origin < b.origin ? -1 : 1))
    .slice(0, limit)
    .map(row => ({ row, position: { origin: row.origin, id: String(row.id) }, late: true, dueInMs: 0 }))
  return picked(db, ground, lanes)
})

function named(db: Database, row: Row): Record<string, unknown> {
  const isNow = row.dueAt === null || row.dueAt === Infinity
  return entry(db, row, { late: row.dueAt !== null, dueInMs: isNow ? 0 : row.dueAt! - db.now })
}

export const byKey: ServerStatement = atOnce((db, values) => {
  const [keys, limit] = values as [string[], number]
  return keys.flatMap(key =>
    db.unsettled
      .filter(row => row.key === key)
      .slice(0, limit)
      .map(row => named(db, row)),
  )
})

export const byId: ServerStatement = atOnce((db, values) => {
  const ids = values[0] as string[]
  return db.unsettled.filter(({ id }) => ids.includes(String(id))).map(row => named(db, row))
})
