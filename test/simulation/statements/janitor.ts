import type { Database, JanitorRecord, Row } from '../database.ts'
import { lock, unlock } from './rows.ts'
import { type Answer, atOnce, pauseOnServer } from './statement.ts'

const dayMs = 86_400_000

/** PostgreSQL's text of a `timestamptz` in UTC, to the microsecond; null: NULL. */
export function textOf(at: number | null): string | null {
  if (at === null) return null
  if (at === Number.NEGATIVE_INFINITY) return '-infinity'
  const us = Math.round(at * 1_000)
  const seconds = new Date(Math.floor(us / 1_000)).toISOString().slice(0, 19).replace('T', ' ')
  const fraction = (us % 1_000_000) / 1_000_000
  return `${seconds}${fraction === 0 ? '' : fraction.toFixed(6).slice(1).replace(/0+$/, '')}+00`
}

/** The inverse of `textOf`: milliseconds since 1970. */
export function timeOf(text: string | null): number | null {
  if (text === null) return null
  if (text === '-infinity') return Number.NEGATIVE_INFINITY
  const [, seconds = '', fraction = '0'] = /^(.{19})(\.\d+)?\+00$/.exec(text) ?? []
  return Date.parse(`${seconds.replace(' ', 'T')}Z`) + Math.round(Number(fraction) * 1_000_000) / 1_000
}

/** In worlds that delete nothing, the lock is taken, as if by another relay. */
export const lockJanitor = atOnce((db, _, backend) => [{ got: db.hasJanitor && db.locks.tryAlone('janitor', backend) }])

export const unlockJanitor = atOnce((db, _, backend) => [
  { pg_advisory_unlock: db.hasJanitor && db.locks.unlock('janitor', backend) },
])

function shown(run: JanitorRecord): Record<string, unknown> {
  const { id, deliveredBefore, deadBefore, reachedAt, reachedId } = run
  return {
    id: String(id),
    deliveredBefore: textOf(deliveredBefore),
    deadBefore: textOf(deadBefore),
    reachedAt: textOf(reachedAt),
    reachedId: String(reachedId),
  }
}

function isOfAges(run: JanitorRecord, deliveredMs: number | null, deadMs: number | null): boolean {
  return run.keepDelivered === deliveredMs && run.keepDead === deadMs
}

export const newest = atOnce((db, values) => {
  const [deliveredMs, deadMs] = values as [number | null, number | null]
  const run = db.janitorRuns.at(-1)
  if (!run) return []
  const endedMsAgo = run.endedAt === null ? null : db.now - run.endedAt + db.janitorMs.ago
  return [{ ...shown(run), isSame: isOfAges(run, deliveredMs, deadMs), endedMsAgo, busyMs: 0 }]
})

export const takeUp = atOnce((db, values) => {
  const [id, relay] = values as [string, string]
  for (const run of db.janitorRuns) if (String(run.id) === id) run.relay = relay
  return []
})

/** Does not delete old runs: here none is a week old. */
export const begin = atOnce((db, values) => {
  const [relay, deliveredMs, deadMs] = values as [string, number | null, number | null]
  const { now, janitorRuns } = db
  const former = janitorRuns.findLast(
    each => each.endedAt !== null && each.error === null && isOfAges(each, deliveredMs, deadMs),
  )
  const endOfFormer = Math.max(former?.deliveredBefore ?? -Infinity, former?.deadBefore ?? -Infinity) - dayMs
  for (const each of janitorRuns)
    if (each.endedAt === null) Object.assign(each, { endedAt: now, error: 'given up for a run with other ages' })
  const run: JanitorRecord = {
    id: janitorRuns.length + 1,
    relay,
    keepDelivered: deliveredMs,
    keepDead: deadMs,
    deliveredBefore: deliveredMs === null ? null : now - deliveredMs,
    deadBefore: deadMs === null ? null : now - deadMs,
    reachedAt: (deliveredMs === null) === (deadMs === null) ? -Infinity : endOfFormer,
    reachedId: 0,
    deleted: 0,
    endedAt: null,
    error: null,
  }
  janitorRuns.push(run)
  return [shown(run)]
})

interface Walked {
  readonly row: Row
  readonly settledAt: number
  readonly isOld: boolean
}

export function* batch(db: Database, values: readonly unknown[]): Answer {
  const [id, limit] = [values[0] as string, values[5] as number]
  const { flaws, now } = db
  const walked = walk(db, values)
  const seen = new Map(walked.map(({ row, settledAt }) => [row, settledAt]))
  const logged = db.attemptLog
  const holder = {}
  db.forUpdate.add(holder)
  // A replay may have committed since the walk.
  const isStill = (row: Row): boolean =>
    db.rows.has(row.id) && (flaws.deletesReplayed === true || row.settledAt === seen.get(row))
  try {
    yield pauseOnServer
    const old = walked.flatMap(({ row, isOld }) => (isOld ? row : []))
    const free = lock(old, holder, isStill)
    yield pauseOnServer
    for (const row of free) db.deleteOld(row, logged)
    const run = db.janitorRuns.find(each => String(each.id) === id)
    if (!run) return []
    const last = walked.at(-1)
    if (last) Object.assign(run, { reachedAt: last.settledAt, reachedId: last.row.id })
    Object.assign(run, { deleted: run.deleted + free.length, endedAt: walked.length < limit ? db.now : null })
    const { reachedAt, reachedId } = shown(run)
    const workMs = db.now - now + db.janitorMs.work
    return [{ walked: walked.length, deleted: free.length, workMs, isEnd: run.endedAt !== null, reachedAt, reachedId }]
  } finally {
    unlock(db, holder)
  }
}

/** Walks the index of settled callbacks from the place of the run. */
function walk(db: Database, values: readonly unknown[]): Walked[] {
  const [, reachedAt, reachedId, delivered, dead, limit] = values as [
    string,
    string,
    string,
    string | null,
    string | null,
    number,
  ]
  const after = { at: timeOf(reachedAt) ?? 0, id: Number(reachedId) }
  const [deliveredBefore, deadBefore] = [timeOf(delivered) ?? -Infinity, timeOf(dead) ?? -Infinity]
  const end = Math.max(deliveredBefore, deadBefore)
  return [...db.rows.values()]
    .flatMap(row => {
      const { id, settledAt, status } = row
      if (settledAt === null || settledAt >= end || settledAt < after.at) return []
      if (settledAt === after.at && id <= after.id) return []
      const before = status === 'delivered' || db.flaws.deletesDeadEarly ? deliveredBefore : deadBefore
      return [{ row, settledAt, isOld: settledAt < before }]
    })
    .sort((a, b) => a.settledAt - b.settledAt || a.row.id - b.row.id)
    .slice(0, limit)
}

export const fail = atOnce((db, values) => {
  const [id, error] = values as [string, string]
  for (const run of db.janitorRuns)
    if (String(run.id) === id && run.endedAt === null) Object.assign(run, { endedAt: db.now, error })
  return []
})
