import type { Log } from '../log/log.ts'
import { isCancelled, isRefusal } from '../outbox/database-errors.ts'
import type { Session } from '../outbox/session.ts'
import { limitStatements } from '../outbox/settings.ts'
import { retryDelayMs } from '../policy/decision.ts'
import { cancelledPause, carefulMs, carefulStatementMs } from '../policy/tuning.ts'

/** What the reading session does besides reading new and due rows, as the log names it. The janitor rests by itself. */
export type BackgroundWork =
  | 'pull'
  | 'sweep'
  | 'orphans'
  | 'holds'
  | 'expired'
  | 'all expired'
  | 'bring forward'
  | 'outages'
  | 'probe'
  | 'survey'

/**
 * Work that new and due rows do not need. When PostgreSQL refuses a statement of it (a lost grant, a trigger), or cancels
 * it (`statement_timeout`, `lock_timeout`, an operator), the work rests, longer each time. The link goes on, since
 * another one would run the same statement again. Nothing else is read while a statement runs that takes too long, so
 * after a cancel the server cancels the next ones sooner, for some minutes.
 */
export class Background {
  readonly #session: Session
  readonly #log: Log
  readonly #failed = new Map<BackgroundWork, Failure>()

  constructor(session: Session, log: Log) {
    this.#session = session
    this.#log = log
  }

  /** `at`, or when the work has rested if that is later. */
  after(work: BackgroundWork, at: number): number {
    return Math.max(at, this.#failed.get(work)?.until ?? at)
  }

  /** Runs the work unless it rests. Returns its result; false: it rests. */
  async run(work: BackgroundWork, step: () => Promise<boolean>): Promise<boolean> {
    const now = performance.now()
    if (now < this.after(work, now)) return false
    const last = this.#failed.get(work)
    if (last && now - last.at >= carefulMs) this.#failed.delete(work)
    try {
      return await (this.#failed.get(work)?.isCancel ? this.#withinLimit(step) : step())
    } catch (error) {
      if (!isRefusal(error)) throw error
      this.#rest(work, error)
      return false
    }
  }

  async #withinLimit(step: () => Promise<boolean>): Promise<boolean> {
    const usual = await limitStatements(this.#session, `${carefulStatementMs}ms`)
    try {
      return await step()
    } finally {
      await limitStatements(this.#session, usual)
    }
  }

  #rest(work: BackgroundWork, error: Error): void {
    const at = performance.now()
    const isCancel = isCancelled(error)
    const tries = (this.#failed.get(work)?.tries ?? 0) + 1
    const restMs = retryDelayMs(tries, cancelledPause, () => 1)
    this.#failed.set(work, { tries, at, until: at + restMs, isCancel })
    const fields = { work, tries, retry_in_ms: restMs, err: error }
    if (isCancel) this.#log.warn('background_cancelled', fields)
    else this.#log.error('background_refused', fields)
  }
}

/** When the work has failed last, and until when it rests, by `performance.now()`. */
interface Failure {
  readonly tries: number
  readonly at: number
  readonly until: number
  /** Whether the statement was cancelled, and not refused. */
  readonly isCancel: boolean
}
