import type { Claim, WaitingCallback } from '../model.ts'
import { claim } from '../outbox/claim.ts'
import { isLastingDataError } from '../outbox/database-errors.ts'
import { isolate, type Refused } from '../outbox/isolate.ts'
import { type Looked, look } from '../outbox/look.ts'
import type { Session } from '../outbox/session.ts'
import { expire, giveUp, park } from '../outbox/settle.ts'
import { heldPauseMs, lockedPauseMs, loopIdleMs } from '../policy/tuning.ts'
import type { Sequencer } from '../sequencer/sequencer.ts'
import type { Bell } from './bell.ts'
import type { Holdings } from './holdings.ts'
import type { Intake } from './intake.ts'
import { asciiReason } from './refusals.ts'

export interface ClaimerParts {
  readonly session: Session
  readonly sequencer: Sequencer
  readonly holdings: Holdings
  readonly intake: Intake
  /** Rung when a slot or a row may have come free. */
  readonly bell: Bell
  /** How many POSTs may start now; 0 while the lease is not held. */
  readonly slots: () => number
  readonly deliver: (claim: Claim) => void
}

/**
 * Claims rows just in time, only as many as can be sent at once, one statement at a time; what becomes ready meanwhile is
 * the next batch. It accounts for every row it asked for: one that was not claimed is looked at before its key goes on.
 */
export class Claimer {
  readonly #parts: ClaimerParts

  constructor(parts: ClaimerParts) {
    this.#parts = parts
  }

  /** Claims until `open` says no. Throws when the session fails; rows in doubt are forgotten then, and found by a sweep. */
  async run(open: () => boolean): Promise<void> {
    const { sequencer, slots, bell } = this.#parts
    while (open()) {
      const free = slots()
      const ready = free > 0 ? sequencer.take(free, performance.now()) : []
      if (ready.length > 0) await this.#claimAll(ready)
      else await bell.wait(this.#pauseMs(free))
    }
  }

  #pauseMs(free: number): number {
    const dueAt = free > 0 ? this.#parts.sequencer.nextDueAt() : undefined
    return dueAt === undefined ? loopIdleMs : Math.min(loopIdleMs, Math.max(1, dueAt - performance.now()))
  }

  async #claimAll(ready: readonly WaitingCallback[]): Promise<void> {
    const { session, sequencer, holdings, intake, deliver } = this.#parts
    const served = ready.filter(({ lane }) => holdings.serves(lane))
    const unserved = ready.filter(({ lane }) => !holdings.serves(lane))
    for (const { id } of unserved) sequencer.settled(id, performance.now())
    if (served.length === 0) return
    const inDoubt = new Map(served.map(row => [row.id, row]))
    try {
      const refused = await isolate(served, async part => {
        for (const each of await claim(session, part, holdings.among(lanesOf(part)))) {
          inDoubt.delete(each.id)
          intake.refusals.passed(each.id)
          deliver(each)
        }
      })
      await this.#refuse(refused)
      for (const { item } of refused) inDoubt.delete(item.id)
      if (inDoubt.size > 0) await this.#account([...inDoubt.values()])
    } catch (error) {
      // The session has failed. They are forgotten, and the sweep will tell: still pending, or claimed and sent by nobody.
      for (const id of inDoubt.keys()) sequencer.settled(id, performance.now())
      throw error
    }
  }

  /** PostgreSQL does not let these be claimed: what can never be sent ends dead, anything else rests. */
  async #refuse(refused: readonly Refused<WaitingCallback>[]): Promise<void> {
    if (refused.length === 0) return
    const { session, sequencer, holdings, intake } = this.#parts
    const faulty = refused.flatMap(({ item, error }) =>
      isLastingDataError(error) ? { ...item, reason: `PostgreSQL refuses it: ${asciiReason(error)}` } : [],
    )
    const dead = new Set<string>()
    await isolate(faulty, async part => {
      for (const id of await giveUp(session, part, holdings.among(lanesOf(part)))) dead.add(id)
    })
    for (const { item, error } of refused) {
      if (dead.has(item.id)) {
        intake.refusals.ended(item.id, error)
        sequencer.settled(item.id, performance.now())
      } else this.#rest(item.id, error)
    }
  }

  #rest(id: string, error: Error): void {
    const { sequencer, intake } = this.#parts
    const now = performance.now()
    sequencer.later(id, now + intake.refusals.refused(id, error, now), now)
  }

  /** Why were these not claimed, and what follows from it? */
  async #account(rows: readonly WaitingCallback[]): Promise<void> {
    const { session, sequencer, intake } = this.#parts
    const ids = rows.map(({ id }) => id)
    const standings = new Map((await look(session, ids)).map(row => [row.id, row]))
    const expired: Looked[] = []
    const held: Looked[] = []
    const claimed: string[] = []
    await this.#readBlockers(rows, standings)
    const now = performance.now()
    for (const id of ids) {
      const row = standings.get(id)
      if (row?.status === 'claimed') claimed.push(id)
      else if (row?.status !== 'pending') sequencer.settled(id, now)
      else if (row.expired) expired.push(row)
      else if (row.held && row.parked) sequencer.later(id, now + heldPauseMs, now)
      else if (row.held && row.dueInMs === 0) held.push(row)
      else this.#wait(row)
    }
    await this.#forgetAll(expired, expire)
    await this.#forgetAll(held, park)
    if (claimed.length > 0) await intake.recoverClaimed(claimed)
  }

  /** The first rows of the keys that are blocked by one that memory does not know: it is seldom the only one. */
  async #readBlockers(rows: readonly WaitingCallback[], standings: ReadonlyMap<string, Looked>): Promise<void> {
    const { sequencer, intake } = this.#parts
    const keys = rows.flatMap(({ id, orderingKey }) => {
      const blockedBy = standings.get(id)?.blockedBy ?? null
      return orderingKey !== null && blockedBy !== null && !sequencer.knows(blockedBy) ? [orderingKey] : []
    })
    if (keys.length > 0) await intake.readKeys([...new Set(keys)])
  }

  /**
   * It comes again: behind the row that blocks it, when it is due, or when whoever has locked it is done. When memory has no
   * room for the row that blocks it, it makes some: a sweep finds it again.
   */
  #wait(row: Looked): void {
    const { sequencer } = this.#parts
    const now = performance.now()
    const isQueued = row.blockedBy !== null && sequencer.knows(row.blockedBy)
    if (row.blockedBy !== null && !isQueued && sequencer.room === 0) {
      sequencer.settled(row.id, now)
      return
    }
    const pauseMs = row.dueInMs > 0 ? row.dueInMs : isQueued ? 0 : lockedPauseMs
    sequencer.later(row.id, now + pauseMs, now)
  }

  async #forgetAll(rows: readonly Looked[], settle: typeof expire): Promise<void> {
    if (rows.length === 0) return
    const { session, sequencer, holdings } = this.#parts
    const ids = rows.map(({ id }) => id)
    const done = new Set<string>()
    const refused = await isolate(ids, async part => {
      for (const id of await settle(session, part, holdings.among(lanesOf(rows)))) done.add(id)
    })
    const now = performance.now()
    for (const id of ids) {
      if (done.has(id)) sequencer.settled(id, now)
      else sequencer.later(id, now + lockedPauseMs, now)
    }
    for (const { item, error } of refused) this.#rest(item, error)
  }
}

function lanesOf(rows: readonly { readonly lane: number }[]): number[] {
  return rows.map(({ lane }) => lane)
}
