import pg from 'pg'
import { epochMs } from '../clocks.ts'
import type { Database, Lane } from '../database.ts'
import { type Answer, atOnce, waitForLock } from './statement.ts'

/** A process id that no process has. */
const nobody = 2 ** 30

export const name = atOnce((db, [wanted], backend) => [{ locked: db.locks.tryAlone(`name ${wanted}`, backend) }])

export const predecessor = atOnce((db, [wanted]) => {
  const relay = db.relays.get(wanted as string)
  if (!relay) return []
  const kernel = db.isOneMachine ? relay.kernel : 'another machine'
  return [{ pid: relay.isAlive() ? relay.pid : nobody, kernel, leaseMs: relay.leaseMs }]
})

export const enrol = atOnce((db, values, { isAlive }) => {
  const [wanted, leaseMs, pid, , kernel] = values as [string, number, number, string, string]
  const incarnation = db.nextIncarnation()
  db.relays.set(wanted, { incarnation, leaseMs, pid, kernel, isAlive, renewals: 0 })
  return [{ incarnation }]
})

export const renew = atOnce((db, [wanted, incarnation], backend) => {
  const relay = db.relays.get(wanted as string)
  if (relay === undefined || relay.incarnation !== incarnation) return []
  relay.renewals += 1
  return [{ pid: backend.pid, databaseMs: epochMs + db.now }]
})

export const observe = atOnce(db => [
  {
    lanes: db.lanes.map(({ epoch, owner }, lane) => ({ lane, epoch: String(epoch), owner })),
    relays: [...db.relays].map(([name, { incarnation, renewals, leaseMs }]) => {
      return { name, incarnation, renewals: String(renewals), leaseMs }
    }),
  },
])

/** The lanes that still have the epoch they were seen with, FOR UPDATE: waits for claims in them, two seconds at most. */
function* unchanged(db: Database, ids: readonly number[], epochs: readonly string[]): Generator<'wait', Lane[]> {
  const seen = ids.map((lane, n) => ({ lane: db.lanes[lane]!, epoch: Number(epochs[n]) }))
  const wanted = seen.filter(({ lane, epoch }) => lane.epoch === epoch)
  const since = db.now
  while (wanted.some(({ lane }) => lane.sharedBy.size > 0)) {
    if (db.now - since > 2_000) throw lockTimeout()
    yield waitForLock
  }
  return wanted.filter(({ lane, epoch }) => lane.epoch === epoch).map(({ lane }) => lane)
}

function lockTimeout(): Error {
  const error = new pg.DatabaseError('canceling statement due to lock timeout', 1, 'error')
  return Object.assign(error, { code: '55P03' })
}

export function* take(db: Database, values: readonly unknown[]): Answer {
  const [owner, ids, epochs] = values as [string, number[], string[]]
  const taken = yield* unchanged(db, ids, epochs)
  for (const lane of taken) {
    lane.owner = owner
    lane.epoch += 1
  }
  return taken.map(lane => ({ lane: db.lanes.indexOf(lane), epoch: String(lane.epoch) }))
}

export function* release(db: Database, values: readonly unknown[]): Answer {
  const [ids, epochs] = values as [number[], string[]]
  for (const lane of yield* unchanged(db, ids, epochs)) {
    lane.owner = null
    lane.epoch += 1
  }
  return []
}

export const blockers = atOnce(db => {
  db.endStuckClaims()
  return []
})

export const bury = atOnce((db, values) => {
  const [names, incarnations, renewals] = values as [string[], string[], string[]]
  return names.flatMap((name, n) => {
    const relay = db.relays.get(name)
    if (relay === undefined || relay.incarnation !== incarnations[n] || String(relay.renewals) !== renewals[n])
      return []
    db.relays.delete(name)
    return [{ name }]
  })
})

export const leave = atOnce((db, [name, incarnation]) => {
  if (db.relays.get(name as string)?.incarnation === incarnation) db.relays.delete(name as string)
  return []
})

const wakeKey = 'wake'

export const sleep = atOnce((db, _, backend) => [{ got: db.locks.tryAlone(wakeKey, backend) }])

/** A session that has the lock alone gets a share beside it. */
export const share = atOnce((db, _, backend) => {
  const got = db.locks.tryShare(wakeKey, backend)
  if (got) db.locks.releaseShare(wakeKey, backend)
  return [{ got }]
})

export const wake = atOnce((db, _, backend) => {
  db.notify(backend.pid)
  return [{ got: db.locks.unlock(wakeKey, backend) }]
})

/** What the trigger does: silent with a share, which ends with the transaction, or else it notifies at the commit. */
export function isSilent(db: Database, transaction: object): boolean {
  return db.locks.tryShare(wakeKey, transaction)
}

/** A relay that is not in the simulation is the janitor. Nothing here is old enough to be deleted. */
export const janitorLock = atOnce(() => [{ got: false }])
