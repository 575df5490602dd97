import pg from 'pg'
import type { Database, RegistrationRecord } from '../database.ts'
import { type Answer, atOnce, waitForLock } from './statement.ts'

/** A process id that no process has. */
const nobody = 2 ** 30

/** `lock_timeout` of the session that keeps the registration, in milliseconds; see `keeping` in settings.ts. */
const lockTimeoutMs = 500

export const register = atOnce((db, values, { isAlive }) => {
  const [epoch, node, process, name, leaseMs, pid, , kernel, , startedAtMs, forces, ...said] = values as [
    string,
    string,
    string,
    string,
    number,
    number,
    string,
    string,
    string,
    number,
    boolean,
    boolean,
    string,
    string | null,
    string,
    string | null,
  ]
  const [serving, digest, wanted, , standby] = said
  const { server } = db
  const stands = {
    renewals: 0,
    renewedAt: db.now,
    serving,
    digest,
    wanted,
    standby,
    sharedBy: new Set<object>(),
    pulseLockedBy: null,
  }
  const me = { epoch, node, process, name, leaseMs, pid, kernel, startedAtMs, forces, server, isAlive }
  db.registrations.set(epoch, { ...me, ...stands })
  return []
})

/** Returns the registrations of the snapshot, which do not show this renewal. */
export function* renew(db: Database, values: readonly unknown[], { pid }: { readonly pid: number }): Answer {
  const [epoch, former, serving, , digest, wanted, , standby] = values as [
    string,
    string[],
    boolean,
    number,
    string,
    string | null,
    string,
    string | null,
  ]
  const seen = [...db.registrations.values()].map(each => shownRegistration(db, each))
  const isTheirs = new Set([epoch, ...former])
  const mine = () => [...db.registrations.values()].filter(each => isTheirs.has(each.epoch))
  yield* free(db, () => mine().every(({ pulseLockedBy }) => pulseLockedBy === null))
  const renewed = mine()
  for (const each of renewed)
    Object.assign(each, {
      renewals: each.renewals + 1,
      renewedAt: db.now,
      serving: serving && each.epoch === epoch,
      digest,
      wanted,
      standby,
    })
  return [{ pid, databaseMs: db.now, renewed: renewed.map(each => each.epoch), registrations: seen }]
}

function shownRegistration(db: Database, each: RegistrationRecord): Record<string, unknown> {
  const { epoch, node, process, name, leaseMs, startedAtMs, renewals, serving, digest, wanted, forces, standby } = each
  return {
    epoch,
    node,
    process,
    name,
    pid: each.isAlive() ? each.pid : nobody,
    kernel: db.isOneMachine ? each.kernel : 'another machine',
    leaseMs,
    startedAtMs,
    renewals: String(renewals),
    isAble: serving || standby !== null,
    digest,
    wanted,
    forces,
  }
}

/**
 * Locks the pulse first, so that a renewal under way wins. Then the registration, so that it waits for claims under
 * way.
 */
export function* bury(db: Database, values: readonly unknown[]): Answer {
  const [epoch, renewals] = values as [string, string | null]
  const holder = {}
  const dead = db.registrations.get(epoch)
  const isStill = (): boolean =>
    dead !== undefined &&
    db.registrations.get(epoch) === dead &&
    (renewals === null || String(dead.renewals) === renewals)
  if (dead === undefined || !isStill()) return []
  try {
    yield* free(db, () => dead.pulseLockedBy === null)
    if (!isStill()) return []
    dead.pulseLockedBy = holder
    yield* free(db, () => dead.sharedBy.size === 0)
    if (renewals !== null) judgeBurial(db, dead)
    db.registrations.delete(epoch)
    return [{ epoch }]
  } finally {
    if (dead.pulseLockedBy === holder) dead.pulseLockedBy = null
  }
}

/** Another relay may bury this one when its lease has run out or its process has ended. Anything else is a stray. */
function judgeBurial(db: Database, { epoch, leaseMs, renewedAt, isAlive }: RegistrationRecord): void {
  const ageMs = Math.round(db.now - renewedAt)
  if (ageMs < leaseMs && (isAlive() || !db.isOneMachine))
    db.strays.push(`${epoch} was buried ${ageMs} ms after its last renewal`)
}

/** Waits until `isFree`, at most for `lock_timeout`. */
function* free(db: Database, isFree: () => boolean): Generator<typeof waitForLock, void> {
  for (const since = db.now; !isFree(); yield waitForLock) if (db.now - since > lockTimeoutMs) throw lockTimeout()
}

function lockTimeout(): Error {
  const error = new pg.DatabaseError('canceling statement due to lock timeout', 1, 'error')
  return Object.assign(error, { code: '55P03' })
}

export const limit = atOnce(() => [{ usual: '15s' }])

export const endStuck = atOnce((db, [epoch]) => {
  db.endStuckClaims(epoch as string)
  return []
})

/** `ringback PURPOSE EPOCH NAME` */
export const applicationName = atOnce((_, [name], backend) => {
  backend.epoch = String(name).split(' ')[2] ?? null
  return []
})

export const hint = atOnce((db, [payloads], { pid }) => {
  for (const payload of payloads as string[]) if (!db.flaws.sendsNoHints) db.notify(pid, payload)
  return []
})

export const salt = atOnce(() => [{ salt: 'salt' }])

const wakeKey = 'wake'

export const sleep = atOnce((db, _, backend) => [{ got: db.locks.tryAlone(wakeKey, backend) }])

/** A session that has the exclusive lock also gets a share. */
export const share = atOnce((db, _, backend) => {
  const got = db.locks.tryShare(wakeKey, backend)
  if (got) db.locks.releaseShare(wakeKey, backend)
  return [{ got }]
})

export const wake = atOnce((db, _, backend) => {
  db.notify(backend.pid, '')
  return [{ got: db.locks.unlock(wakeKey, backend) }]
})

/** Commits do not wait for one another here. */
export const crowded = atOnce(() => [{ got: false }])

/** Acts as the trigger: with a share, which ends with the transaction, it is silent; else it notifies at the commit. */
export function isSilent(db: Database, transaction: object): boolean {
  return db.locks.tryShare(wakeKey, transaction)
}

/** No decision depends on it. */
export const survey = atOnce(() => [
  { due: 0, later: 0, claimed: 0, dead: 0, holds: 0, living: 1, serving: 1, standingBy: 0, stale: 0, isEldest: true },
])
