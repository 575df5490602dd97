import type { RunConfig } from '../config/config.ts'
import { messageOf } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { endsSession } from '../outbox/database-errors.ts'
import {
  beginRun,
  deleteBatch,
  failRun,
  type JanitorRun,
  type Kept,
  lockJanitor,
  newestRun,
  takeUpRun,
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
 * Deletes settled callbacks that are older than what is kept, with their attempts, in short statements between the reads of
 * the relay.
 *
 * One relay of a schema is the janitor: it holds an advisory lock as long as its session lasts; the others ask for it now and
 * then, and never wait. A run walks once along the settled callbacks, from the oldest on, and its place is committed with each
 * batch, so the next janitor goes on there. A janitor never keeps the relay awake, and a row that somebody has locked is left
 * for the next run.
 */
export class Janitor implements Chore {
  readonly #session: Session
  readonly #kept: Kept
  readonly #relay: () => string
  readonly #log: Log
  #isJanitor = false
  #run: JanitorRun | null = null
  #rows = janitorRows
  /** By this process, in the run under way. */
  #deleted = 0
  #nextAt = performance.now() + janitorStartMs

  /** @param session the one that reads; nothing else is asked of it while a step goes on. */
  constructor(session: Session, config: KeepOptions, { relay, log }: { relay: () => string; log: Log }) {
    this.#session = session
    this.#kept = { deliveredMs: msOrNull(config.keepDeliveredMs), deadMs: msOrNull(config.keepDeadMs) }
    this.#relay = relay
    this.#log = log
  }

  /** When the next step may be made, as `performance.now()` shows it. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** One short statement or two, after which it rests so long that its share of the time is kept. */
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

  /** Does what comes next, and says how long it may wait for what follows, in milliseconds. */
  async #act(): Promise<number> {
    if (!this.#isJanitor) this.#isJanitor = await lockJanitor(this.#session)
    if (!this.#isJanitor) return janitorAskMs
    return this.#run === null ? this.#begin() : this.#delete(this.#run)
  }

  async #begin(): Promise<number> {
    const newest = await newestRun(this.#session, this.#kept)
    if (newest && newest.endedMsAgo === null && newest.isSame) {
      await takeUpRun(this.#session, newest.id, this.#relay())
      this.#run = newest
      return 0
    }
    const restMs = newest?.isSame && newest.endedMsAgo !== null ? pauseAfter(newest.busyMs) - newest.endedMsAgo : 0
    if (restMs > 0) return restMs
    this.#run = await beginRun(this.#session, this.#relay(), this.#kept)
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
    this.#log[this.#deleted > 0 ? 'info' : 'debug']('retention_done', { deleted: this.#deleted })
    this.#deleted = 0
  }

  /** By what the rows cost: fewer of them would not make a slow commit quicker. */
  #adapt(workMs: number): void {
    if (workMs > janitorStepMs) this.#rows = Math.max(janitorLeastRows, Math.ceil(this.#rows / 2))
    else if (workMs < janitorStepMs / 4) this.#rows = Math.min(janitorRows, this.#rows * 2)
  }

  /** A trigger or a foreign key forbids it, a right is missing. The next run tries again. */
  async #failed(error: unknown): Promise<number> {
    this.#log.warn('janitor_failed', { err: error as Error })
    const run = this.#run
    this.#run = null
    if (run)
      await failRun(this.#session, run.id, messageOf(error)).catch((second: unknown) => {
        if (endsSession(second)) throw second
      })
    return janitorPauseMs
  }
}

export type KeepOptions = Pick<RunConfig, 'keepDeliveredMs' | 'keepDeadMs'>

function msOrNull(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null
}

/** From the end of a run to the next, in milliseconds. */
function pauseAfter(busyMs: number): number {
  return Math.min(longestJanitorPauseMs, Math.max(janitorPauseMs, busyMs / janitorRunShare))
}
