import type { RunConfig } from '../config/config.ts'
import { messageOf } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { endsSession, isCancelled } from '../outbox/database-errors.ts'
import {
  beginRun,
  deleteBatch,
  failRun,
  type JanitorRun,
  type Kept,
  lockJanitor,
  newestRun,
  takeUpRun,
  unlockJanitor,
} from '../outbox/janitor.ts'
import type { Session } from '../outbox/session.ts'
import {
  janitorAskMs,
  janitorLeastRows,
  janitorPauseMs,
  janitorRows,
  janitorRunShare,
  janitorShare,
  janitorStartMs,
  janitorStepMs,
  longestJanitorPauseMs,
} from '../policy/tuning.ts'
import type { Chore } from './meanwhile.ts'

/**
 * Deletes old settled callbacks with their attempts, in short statements between the reads of the relay.
 *
 * One relay of a schema is the janitor, by an advisory lock. A run walks once along the settled callbacks, oldest
 * first. Each batch commits its place, from which another janitor can go on. A locked row is left for the next run.
 * A relay that stands by gives the lock back: its ages may not be those of most relays.
 */
export class Janitor implements Chore {
  readonly #session: Session
  readonly #kept: Kept
  readonly #parts: JanitorParts
  #isJanitor = false
  #run: JanitorRun | null = null
  #rows = janitorRows
  /** How many callbacks this process has deleted in the present run. */
  #deleted = 0
  #nextAt = performance.now() + janitorStartMs

  /** @param session the one that reads. It runs nothing else during a step. */
  constructor(session: Session, config: KeepOptions, parts: JanitorParts) {
    this.#session = session
    this.#kept = { deliveredMs: msOrNull(config.keepDeliveredMs), deadMs: msOrNull(config.keepDeadMs) }
    this.#parts = parts
  }

  /** When the next step may be made, by `performance.now()`. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** Runs one or two short statements. Then it rests, so that it takes only `janitorShare` of the time. */
  async step(): Promise<void> {
    const startedAt = performance.now()
    let restMs = 0
    try {
      restMs = await this.#act()
    } catch (error) {
      if (endsSession(error)) throw error
      restMs = await this.#failed(error)
    }
    const endedAt = performance.now()
    this.#nextAt = endedAt + Math.max(restMs, (endedAt - startedAt) * (1 / janitorShare - 1))
  }

  /** Does the next act, and returns how long the following one may wait, in milliseconds. */
  async #act(): Promise<number> {
    if (!this.#parts.mayDelete()) return this.#resign()
    if (!this.#isJanitor) this.#isJanitor = await lockJanitor(this.#session)
    if (!this.#isJanitor) return janitorAskMs
    return this.#run === null ? this.#begin() : this.#delete(this.#run)
  }

  async #resign(): Promise<number> {
    if (this.#isJanitor) await unlockJanitor(this.#session)
    this.#isJanitor = false
    this.#run = null
    return janitorAskMs
  }

  async #begin(): Promise<number> {
    const newest = await newestRun(this.#session, this.#kept)
    if (newest && newest.endedMsAgo === null && newest.isSame) {
      await takeUpRun(this.#session, newest.id, this.#parts.relay())
      this.#run = newest
      return 0
    }
    const restMs = newest?.isSame && newest.endedMsAgo !== null ? pauseAfter(newest.busyMs) - newest.endedMsAgo : 0
    if (restMs > 0) return restMs
    this.#run = await beginRun(this.#session, this.#parts.relay(), this.#kept)
    return 0
  }

  async #delete(run: JanitorRun): Promise<number> {
    const batch = await deleteBatch(this.#session, run, this.#rows)
    if (batch) this.#adapt(batch.workMs)
    this.#deleted += batch?.deleted ?? 0
    this.#run = batch && !batch.isEnd ? { ...run, ...batch } : null
    if (batch?.isEnd) this.#done()
    return 0
  }

  #done(): void {
    this.#parts.log[this.#deleted > 0 ? 'info' : 'debug']('retention_done', { deleted: this.#deleted })
    this.#deleted = 0
  }

  /** Goes by the cost of the rows alone: fewer rows would not make a slow commit quicker. */
  #adapt(workMs: number): void {
    if (workMs > janitorStepMs) this.#rows = Math.max(janitorLeastRows, Math.ceil(this.#rows / 2))
    else if (workMs < janitorStepMs / 4) this.#rows = Math.min(janitorRows, this.#rows * 2)
  }

  /**
   * Called when a trigger or a foreign key forbids the deletion, or a privilege is missing. The next run tries again.
   */
  async #failed(error: unknown): Promise<number> {
    this.#parts.log.warn('janitor_failed', { err: error as Error })
    if (isCancelled(error)) {
      // Too many rows perhaps. The run goes on at its place.
      this.#rows = Math.max(janitorLeastRows, Math.ceil(this.#rows / 8))
      return janitorPauseMs
    }
    const run = this.#run
    this.#run = null
    if (run)
      await failRun(this.#session, run.id, messageOf(error)).catch((second: unknown) => {
        if (endsSession(second)) throw second
      })
    return janitorPauseMs
  }
}

interface JanitorParts {
  /** The name of this relay. */
  readonly relay: () => string
  readonly log: Log
  /** False while this relay stands by. */
  readonly mayDelete: () => boolean
}

export type KeepOptions = Pick<RunConfig, 'keepDeliveredMs' | 'keepDeadMs'>

function msOrNull(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null
}

/** From the end of a run to the next, in milliseconds. */
function pauseAfter(busyMs: number): number {
  return Math.min(longestJanitorPauseMs, Math.max(janitorPauseMs, busyMs / janitorRunShare))
}
