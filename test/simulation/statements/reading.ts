import { dueAheadMs } from '../../../src/policy/tuning.ts'
import { hashOf } from '../../fixtures/random.ts'
import { type Database, dueTimeOf, originOf, type Row, restOf } from '../database.ts'
import { firstOfKey, microseconds, nothing, shown, urlHashOf } from './rows.ts'
import { type Answer, atOnce, waitForLock } from './statement.ts'

/** A row with a due time, in microseconds. */
interface Due {
  readonly row: Row
  readonly dueUs: number
}

function freshRows(db: Database): Row[] {
  return db.unsettled.filter(row => row.dueAt === null && !db.lost.has(row.id))
}

/** Sorted by due time. */
function dueRows(db: Database): Due[] {
  return db.unsettled
    .flatMap(row => {
      const dueTime = dueTimeOf(row)
      return dueTime === null ? [] : { row, dueUs: microseconds(dueTime) }
    })
    .sort((a, b) => a.dueUs - b.dueUs || a.row.id - b.row.id)
}

function isBehind({ row, dueUs }: Due, afterUs: number, afterId: string): boolean {
  return dueUs > afterUs || (dueUs === afterUs && BigInt(row.id) > BigInt(afterId))
}

/** Reads the text of `plainArray`. */
function idsOf(text: unknown): string[] {
  return String(text).slice(1, -1).split(',').filter(Boolean)
}

/** The rows that a read of new ones shows, and what it answers. */
export function freshPage(db: Database, values: readonly unknown[]) {
  const [afters, ends, limit, epoch] = [...values.slice(0, 2).map(idsOf), ...values.slice(2)] as [
    string[],
    string[],
    number,
    string,
  ]
  const { lastValue } = db
  const rows = afters.flatMap((after, n) => {
    const isIn = ({ id }: Row): boolean =>
      BigInt(id) > BigInt(after) && BigInt(id) <= BigInt(ends[n] ?? '0') && id <= lastValue
    return freshRows(db).filter(isIn).slice(0, limit)
  })
  db.readUpTo = Math.max(db.readUpTo, rows.at(-1)?.id ?? 0)
  const lastId = String(lastValue)
  const found = rows.map(row => ({ ...shown(db, row, epoch), lastId }))
  return { rows, found: found.length > 0 ? found : [{ ...nothing, lastId }] }
}

export const fresh = atOnce((db, values) => freshPage(db, values).found)

export const due = atOnce((db, values) => {
  const [afterUs, afterId, limit, epoch] = values as [number, string, number, string]
  const nowUs = microseconds(db.now)
  const all = dueRows(db)
  const next = all.find(({ dueUs }) => dueUs > nowUs && dueUs <= nowUs + dueAheadMs * 1_000)
  const told = { nextInMs: next ? (next.dueUs - nowUs) / 1_000 : null, nowUs }
  const found = all
    .filter(each => each.dueUs <= nowUs && isBehind(each, afterUs, afterId))
    .slice(0, limit)
    .map(({ row }) => ({ ...shown(db, row, epoch), ...told }))
  return found.length > 0 ? found : [{ ...nothing, ...told }]
})

export const pull = atOnce((db, values) => {
  const [origins, isFresh, afterUs, afterIds, endUs, endIds, rooms, epoch, urlHashes, otherUrls, most] = values as [
    string[],
    boolean[],
    (number | null)[],
    string[],
    number[],
    string[],
    number[],
    string,
    (number | null)[],
    string[],
    number,
  ]
  const nowUs = microseconds(db.now)
  return origins.flatMap((origin, n): object[] => {
    const [after, end, room] = [afterIds[n] ?? '0', endIds[n] ?? '0', rooms[n] ?? 0]
    const isIn = ({ id }: Row): boolean => BigInt(id) > BigInt(after) && BigInt(id) <= BigInt(end)
    const isDue = (each: Due): boolean =>
      each.dueUs <= Math.min(endUs[n] ?? Infinity, nowUs) && isBehind(each, afterUs[n] ?? 0, after)
    const range = isFresh[n]
      ? freshRows(db).filter(isIn)
      : dueRows(db)
          .filter(isDue)
          .map(({ row }) => row)
    const entries = range
      .filter(row => row.origin === origin)
      .slice(0, most)
      .map((row, index) => ({
        pull: n + 1,
        ...shown(db, row, epoch),
        place: String(index + 1),
        isWanted: isOfUrl(row, urlHashes[n] ?? null, otherUrls[n] ?? '{}') && isWanted(db, row, epoch),
        workMs: db.pullMs,
      }))
      .filter(each => each.isWanted || each.place === String(most))
      .slice(0, room)
    return entries.length > 0 ? entries : [{ pull: n + 1, place: null, workMs: db.pullMs }]
  })
})

function isOfUrl(row: Row, only: number | null, others: string): boolean {
  const hash = urlHashOf(row)
  return (only === null || hash === only) && !others.slice(1, -1).split(',').includes(String(hash))
}

function isWanted(db: Database, row: Row, epoch: string): boolean {
  if (row.status === 'claimed') return row.claimedEpoch === epoch
  return row.status === 'pending' && db.isFirst(row) && !db.isHeld(row)
}

export const keyHeads = atOnce((db, values) => {
  const [keys, hints, epoch] = values as [(string | null)[], (string | null)[], string]
  return keys.map((asked, n) => {
    const hint = hints[n] ?? null
    const key = hint === null ? asked : (db.rows.get(Number(hint))?.key ?? null)
    return { askedKey: key, ...firstOfKey(db, key, { epoch }) }
  })
})

/** In the order of a hash, though not of PostgreSQL's. */
export function* origins(db: Database, values: readonly unknown[]): Answer {
  const [after, limit, known] = values as [string, number, readonly string[]]
  const names = new Set([...db.unsettled.map(({ origin }) => origin), ...known])
  const found = [...names].map(origin => ({ hash: hashOf(origin), origin: known.includes(origin) ? null : origin }))
  const since = db.now
  while (db.now - since < db.sweepMs) yield waitForLock
  const workMs = db.now - since
  const swept = found
    .filter(({ hash }) => BigInt(hash) > BigInt(after))
    .sort((a, b) => a.hash - b.hash)
    .slice(0, limit)
    .map(({ hash, origin }) => ({ hash: String(hash), origin, workMs }))
  return swept.length > 0 ? swept : [{ hash: null, origin: null, workMs }]
}

const holdTexts = (db: Database): string[] =>
  [...db.holds].map(([prefix, { isExact, since }]) => `${prefix} ${isExact} ${since}`).sort()

export const holdsDigest = atOnce(db => [{ digest: holdTexts(db).join() || '0' }])

export const holds = atOnce(db => {
  const origins = new Set([...db.holds.keys()].map(originOf))
  return [...origins].map(origin => {
    const held = [...db.holds].filter(([prefix]) => originOf(prefix) === origin)
    return {
      origin,
      isWhole: held.some(([prefix, { isExact }]) => !isExact && restOf(prefix) === '/'),
      digest: held.map(([prefix, { isExact, since }]) => `${prefix} ${isExact} ${since}`).join(),
    }
  })
})

export const left = atOnce((db, values) => {
  const [except, sinceUs, counts] = values as [string[], number | null, boolean]
  const isExcepted = (row: Row) => [row.origin, `${row.origin} ${urlHashOf(row)}`].some(name => except.includes(name))
  const isBusy = db.unsettled.some(row => leftAs(db, row) === 'due' && !isExcepted(row))
  const isCounted = counts || !isBusy
  const stands = isCounted ? db.unsettled.map(row => leftAs(db, row)) : []
  const count = (wanted: ReturnType<typeof leftAs>) => stands.filter(is => is === wanted).length
  const settled = [...db.rows.values()].flatMap(({ status, settledAt }) =>
    settledAt === null ? [] : { status, us: microseconds(settledAt) },
  )
  const isDead = ({ status, us }: (typeof settled)[number]) => status === 'dead' && sinceUs !== null && us >= sinceUs
  return [
    {
      isBusy,
      due: count('due'),
      retrying: count('retrying'),
      later: count('later'),
      held: count('held'),
      behind: count('behind'),
      dead: isCounted ? settled.filter(isDead).length : 0,
      settledUs: settled.length === 0 ? null : Math.max(...settled.map(({ us }) => us)),
      nowUs: microseconds(db.now),
    },
  ]
})

function leftAs(db: Database, row: Row): 'due' | 'held' | 'behind' | 'retrying' | 'later' {
  if (row.status === 'claimed') return 'due'
  if (db.isHeld(row)) return 'held'
  if (!db.isFirst(row)) return 'behind'
  if (row.dueAt === null || row.dueAt <= db.now || db.supersederOf(row)) return 'due'
  return row.attempts > row.budgetFrom ? 'retrying' : 'later'
}

function orphan(db: Database, row: Row): Record<string, unknown> {
  const { messageId, attempts, claimedEpoch, rev, origin, budgetFrom, maxAttempts, claimedAt } = row
  return {
    id: String(row.id),
    messageId,
    attempt: attempts,
    epoch: claimedEpoch,
    rev,
    origin,
    attemptOfBudget: attempts - budgetFrom,
    maxAttempts,
    claimedMsAgo: db.now - (claimedAt ?? 0),
  }
}

/** The claimed rows of a page whose registration is gone or `named`; or one row that only says how far the page reaches. */
function orphansOf(db: Database, page: readonly Row[], named: unknown): unknown[] {
  const epochs = idsOf(named)
  const last = page.at(-1)
  const dueTime = last ? dueTimeOf(last) : null
  const reach = {
    read: page.length,
    reachedUs: dueTime === null ? null : microseconds(dueTime),
    reachedId: last ? String(last.id) : null,
  }
  const found = page.filter(
    ({ status, claimedEpoch: epoch }) =>
      status === 'claimed' && (!db.registrations.has(epoch ?? '') || epochs.includes(epoch ?? '')),
  )
  return found.length > 0
    ? found.map(row => ({ ...reach, ...orphan(db, row), workMs: 0 }))
    : [{ ...reach, id: null, workMs: 0 }]
}

export const orphansFresh = atOnce((db, values) => {
  const [after, limit, upTo, named] = values as [string, number, string, string]
  const page = freshRows(db).filter(({ id }) => BigInt(id) > BigInt(after) && BigInt(id) <= BigInt(upTo))
  return orphansOf(db, page.slice(0, limit), named)
})

export const orphansDue = atOnce((db, values) => {
  const [after, limit, afterUs, endUs, named] = values as [string, number, number, number, string]
  const page = dueRows(db).filter(each => isBehind(each, afterUs, after) && each.dueUs <= endUs)
  return orphansOf(
    db,
    page.slice(0, limit).map(({ row }) => row),
    named,
  )
})

/** By their place: an origin, or a URL of it. */
export const outages = atOnce(db => {
  const placesOf = (row: Row) => [`${row.origin} null`, `${row.origin} ${urlHashOf(row)}`]
  const delivered = new Map<string, number>()
  for (const row of db.rows.values())
    for (const place of row.status === 'delivered' ? placesOf(row) : [])
      delivered.set(place, Math.max(delivered.get(place) ?? 0, row.settledAt ?? 0))
  const attempts = new Map<string, number>()
  for (const row of db.unsettled) {
    const { status, dueAt, claimedAt } = row
    const tried = row.attempts - row.budgetFrom
    if (status !== 'pending' || dueAt === null || claimedAt === null || tried === 0 || db.isHeld(row)) continue
    for (const place of placesOf(row))
      if (claimedAt > (delivered.get(place) ?? 0)) attempts.set(place, (attempts.get(place) ?? 0) + tried)
  }
  return [...attempts].map(([place, count]) => {
    const [origin, hash] = place.split(' ')
    const at = delivered.get(place)
    return {
      origin,
      urlHash: hash === 'null' ? null : Number(hash),
      attempts: count,
      deliveredMsAgo: at === undefined ? null : db.now - at,
    }
  })
})
