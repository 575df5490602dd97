import { elements } from '../../fixtures/plain-array.ts'
import { type Database, dueTimeOf, type HoldRecord, type RegistrationRecord, type Row } from '../database.ts'
import { freshPage } from './reading.ts'
import { lock, microseconds, nothing, rowsOf, shownOfKey, unlock, urlHashOf } from './rows.ts'
import { type Answer, type Pause, pauseOnServer } from './statement.ts'

/** Locks the registration FOR KEY SHARE; null: it is gone. */
function lockMe(db: Database, epoch: string, holder: object): RegistrationRecord | null {
  const me = db.registrations.get(epoch)
  if (me?.server !== db.server) return null
  me.sharedBy.add(holder)
  return me
}

/** What a statement sees that begins at this moment. */
interface Snapshot {
  readonly at: number
  readonly holds: ReadonlyMap<string, HoldRecord>
  readonly superseded: ReadonlySet<Row>
}

export function* claim(db: Database, values: readonly unknown[]): Answer {
  return yield* claimOf(db, rowsOf(db, elements(values[0])), values[1] as string)
}

/** Reads, and claims all that it has read or nothing. */
export function* claimFresh(db: Database, values: readonly unknown[]): Answer {
  const { rows, found } = freshPage(db, values)
  const [epoch, most, except, several] = values.slice(3) as [string, number, string[], string[]]
  const origins = new Set(rows.map(({ id, origin }) => (several.includes(origin) ? id : origin)))
  const isAny = rows.length > 0 && rows.length <= most && origins.size === rows.length
  const areAll = found.every(({ standing, origin }) => standing === 'due' && !except.includes(origin ?? ''))
  const claims = isAny && areAll ? yield* claimOf(db, rows, epoch) : []
  const byId = new Map(claims.map(each => [each.id, each]))
  return found.map(row => {
    const got = byId.get(row.id ?? '')
    if (!got) return { ...row, ...noClaim }
    const { attempt, rev, messageId, url, form, traceparent, attemptOfBudget, expiresInMs } = got
    const claim = { attempt, epoch, messageId, url, form, traceparent, attemptOfBudget, expiresInMs }
    return { ...row, standing: 'claimed here', rev, ...claim }
  })
}

const noClaim = {
  attempt: null,
  epoch: null,
  messageId: null,
  url: null,
  form: null,
  traceparent: null,
  attemptOfBudget: null,
  expiresInMs: null,
}

function* claimOf(db: Database, wanted: readonly Row[], epoch: string): Generator<Pause, ReturnType<typeof claimed>[]> {
  const { flaws } = db
  const holder = {}
  const superseded = new Set(wanted.filter(row => db.supersederOf(row)))
  const snapshot = { at: db.now, holds: new Map(db.holds), superseded }
  const isFree = (row: Row): boolean =>
    isClaimable(db, row) && (flaws.claimsHeld === true || db.heldSince(row, snapshot.holds) === null)
  // Earlier rows are those of the snapshot: one that commits meanwhile is not seen, even if the row itself is checked
  // again.
  const isTurn = (row: Row): boolean =>
    (flaws.ignoresOrder || db.isFirst(row)) && (flaws.claimsSuperseded || !superseded.has(row))
  const seen = wanted.filter(row => isFree(row) && isTurn(row))
  let me: RegistrationRecord | null = null
  try {
    yield pauseOnServer
    me = lockMe(db, epoch, holder)
    if (me === null && !flaws.ignoresFence) return []
    yield pauseOnServer
    const rows = lock(seen, holder, isFree)
    yield pauseOnServer
    for (const row of rows) become(db, row, epoch, snapshot)
    return rows.map(row => claimed(db, row))
  } finally {
    me?.sharedBy.delete(holder)
    unlock(db, holder)
  }
}

function isClaimable(db: Database, { status, dueAt, expiresAt }: Row): boolean {
  const isPending = status === 'pending' || (db.flaws.claimsCancelled === true && status === 'cancelled')
  const isDue = dueAt === null || dueAt <= db.now
  return isPending && isDue && (expiresAt === null || expiresAt > db.now)
}

function become(db: Database, row: Row, epoch: string, { at, holds, superseded }: Snapshot): void {
  const heldSince = db.heldSince(row, holds)
  if (!db.registrations.has(epoch))
    db.strays.push(`callback ${row.id} was claimed under ${epoch}, which was buried before`)
  if (heldSince !== null && heldSince < at) db.strays.push(`callback ${row.id} was claimed though it was on hold`)
  if (superseded.has(row)) db.strays.push(`callback ${row.id} was claimed though a newer one had come in its place`)
  Object.assign(row, {
    status: 'claimed',
    settledAt: null,
    attempts: row.attempts + 1,
    claimedAt: db.now,
    claimedEpoch: epoch,
    rev: row.rev + 1,
  } satisfies Partial<Row>)
}

function claimed(db: Database, row: Row) {
  const { attempts, budgetFrom, messageId, key, origin, url, form, maxAttempts, claimedEpoch, rev, expiresAt } = row
  const dueTime = dueTimeOf(row)
  return {
    id: String(row.id),
    attempt: attempts,
    epoch: claimedEpoch,
    rev,
    messageId,
    orderingKey: key,
    origin,
    urlHash: urlHashOf(row),
    url,
    form,
    traceparent: null,
    attemptOfBudget: attempts - budgetFrom,
    maxAttempts,
    dueUs: dueTime === null ? null : microseconds(dueTime),
    expiresInMs: expiresAt === null ? null : expiresAt - db.now,
  }
}

export function* release(db: Database, values: readonly unknown[]): Answer {
  const [ids, revs, epoch] = values as [string[], number[], string]
  const holder = {}
  const given = new Map(ids.map((id, n) => [Number(id), revs[n]]))
  const isWanted = ({ id, status, claimedEpoch, rev }: Row): boolean =>
    status === 'claimed' && claimedEpoch === epoch && (db.flaws.releasesAnyRev === true || rev === given.get(id))
  try {
    const seen = rowsOf(db, ids).filter(isWanted)
    yield pauseOnServer
    const rows = lock(seen, holder, isWanted)
    yield pauseOnServer
    for (const row of rows)
      Object.assign(row, {
        status: 'pending',
        attempts: row.attempts - 1,
        claimedEpoch: null,
        dueAt: db.now,
        rev: row.rev + 1,
      } satisfies Partial<Row>)
    return rows.map(({ id }) => ({ id: String(id) }))
  } finally {
    unlock(db, holder)
  }
}

function hasExpired({ expiresAt }: Row, now: number, withinMs: number | null): boolean {
  return expiresAt !== null && expiresAt <= now && (withinMs === null || expiresAt > now - withinMs)
}

export function* expired(db: Database, values: readonly unknown[]): Answer {
  const [limit, withinMs] = values as [number, number | null]
  const except = new Set(elements(values[2]))
  const holder = {}
  const { now } = db
  const late = db.unsettled
    .flatMap(row => (row.expiresAt === null ? [] : { row, at: row.expiresAt }))
    .sort((a, b) => a.at - b.at || a.row.id - b.row.id)
    .map(({ row }) => row)
  const isWanted = (row: Row): boolean =>
    row.status === 'pending' && hasExpired(row, now, withinMs) && !except.has(String(row.id))
  try {
    const found = lock(late, holder, isWanted, limit)
    yield pauseOnServer
    return [{ ids: found.map(({ id }) => String(id)), workMs: db.pullMs }]
  } finally {
    unlock(db, holder)
  }
}

export function* expire(db: Database, values: readonly unknown[]): Answer {
  const [epoch, ids] = values as [string, string[]]
  const { now } = db
  return yield* settle(db, epoch, {
    rows: rowsOf(db, ids),
    limit: Infinity,
    isWanted: row => hasExpired(row, now, null),
    becomes: 'dead',
    reasonOf: ({ lastError }) => (lastError === null ? 'expired' : `expired; last attempt: ${lastError}`),
  })
}

export function* bringForward(db: Database, values: readonly unknown[]): Answer {
  const [epoch, origin, fromMsAgo, waitsMs, afterUs, afterId, entries, limit, except, sparesLastOf, toMsAgo, urlHash] =
    values as [
      string,
      string,
      number,
      number,
      number,
      string,
      number,
      number,
      string[],
      number | null,
      number,
      number | null,
    ]
  const holder = {}
  const { now } = db
  const place = (row: Row): number => microseconds(dueTimeOf(row) ?? 0)
  const fromUs = Math.max(afterUs, microseconds(now))
  const isBehind = (row: Row): boolean => place(row) > fromUs || (place(row) === fromUs && row.id > Number(afterId))
  const seen = db.unsettled
    .filter(row => row.origin === origin && row.dueAt !== null && isBehind(row))
    .sort((a, b) => place(a) - place(b) || a.id - b.id)
    .slice(0, entries)
  const last = seen.length === entries ? seen.at(-1) : undefined
  const reached = { id: last ? String(last.id) : null, dueUs: last ? place(last) : null }
  const isWanted = ({
    id,
    url,
    status,
    attempts,
    budgetFrom,
    claimedAt,
    claimedEpoch,
    dueAt,
    maxAttempts,
  }: Row): boolean =>
    (urlHash === null || urlHashOf({ url }) === urlHash) &&
    status === 'pending' &&
    attempts > budgetFrom &&
    claimedEpoch !== null &&
    claimedAt !== null &&
    claimedAt >= now - fromMsAgo &&
    claimedAt <= now - toMsAgo &&
    dueAt !== null &&
    dueAt > now &&
    dueAt <= claimedAt + waitsMs &&
    !except.includes(String(id)) &&
    (sparesLastOf === null || attempts - budgetFrom + 1 < (maxAttempts ?? sparesLastOf))
  let me: RegistrationRecord | null = null
  try {
    yield pauseOnServer
    me = lockMe(db, epoch, holder)
    const rows = me === null ? [] : lock(seen, holder, isWanted, limit).sort((a, b) => a.id - b.id)
    yield pauseOnServer
    for (const row of rows) Object.assign(row, { dueAt: now, rev: row.rev + 1 } satisfies Partial<Row>)
    return [{ ids: rows.map(({ id }) => String(id)), ...reached, workMs: db.now - now }]
  } finally {
    me?.sharedBy.delete(holder)
    unlock(db, holder)
  }
}

export function* giveUp(db: Database, values: readonly unknown[]): Answer {
  const [epoch, ids, reasons] = values as [string, string[], string[]]
  return yield* settle(db, epoch, {
    rows: rowsOf(db, ids),
    limit: Infinity,
    isWanted: () => true,
    becomes: 'dead',
    reasonOf: ({ id }) => reasons[ids.indexOf(String(id))] ?? '',
  })
}

/** Walks each key from its first row while rows are superseded. */
export function* supersede(db: Database, values: readonly unknown[]): Answer {
  const [epoch, ids, limit] = values as [string, string[], number]
  const keys = new Set(
    rowsOf(db, ids).flatMap(row => (row.settledAt === null && row.supersedeKey !== null ? row.key : [])),
  )
  const reasons = new Map<Row, string>()
  for (const key of keys)
    for (const row of db.unsettled.filter(each => each.key === key).slice(0, limit)) {
      const newest =
        db.supersederOf(row) ?? (db.flaws.supersedesTheNewest && row.supersedeKey !== null ? row : undefined)
      if (row.status !== 'pending' || !newest) break
      reasons.set(row, `superseded by ${newest.id}`)
    }
  return yield* settle(db, epoch, {
    rows: [...reasons.keys()],
    limit: Infinity,
    isWanted: () => true,
    becomes: 'cancelled',
    reasonOf: row => reasons.get(row) ?? '',
  })
}

interface Settling {
  readonly rows: readonly Row[]
  readonly limit: number
  readonly isWanted: (row: Row) => boolean
  readonly becomes: 'dead' | 'cancelled'
  readonly reasonOf: (row: Row) => string
}

/** Settles the wanted pending rows, and names the next row of each key by the snapshot. */
function* settle(db: Database, epoch: string, settling: Settling): Answer {
  const { rows, limit, isWanted, becomes, reasonOf } = settling
  const holder = {}
  const isFree = (row: Row): boolean => row.status === 'pending' && isWanted(row)
  const seen = rows.filter(isFree)
  const others = new Map(seen.map(({ key }) => [key, shownOfKey(db, key, epoch)]))
  let me: RegistrationRecord | null = null
  try {
    yield pauseOnServer
    me = lockMe(db, epoch, holder)
    if (me === null) return []
    const dead = lock(seen, holder, isFree, limit).sort((a, b) => a.id - b.id)
    yield pauseOnServer
    for (const row of dead)
      Object.assign(row, {
        status: becomes,
        dueAt: null,
        settledAt: db.now,
        lastError: reasonOf(row),
        rev: row.rev + 1,
      } satisfies Partial<Row>)
    const ids = new Set(dead.map(({ id }) => String(id)))
    const last = new Map(dead.map(row => [row.key, row]))
    return dead.map(row => {
      const next = others.get(row.key)?.find(({ id }) => !ids.has(id))
      const named = row.key !== null && last.get(row.key) === row ? next : undefined
      return { settledId: String(row.id), settledKey: row.key, ...(named ?? nothing) }
    })
  } finally {
    me?.sharedBy.delete(holder)
    unlock(db, holder)
  }
}
