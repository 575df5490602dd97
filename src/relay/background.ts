import type { Log } from '../log/log.ts'
import { isCancelled } from '../outbox/database-errors.ts'
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
 * Work that new and due rows do not need. When PostgreSQL cancels a statement of it (`statement_timeout`,
 * `lock_timeout`, an operator), it rests, longer each time. The link goes on, since another one would run the same
 * statement again. Nothing else is read while such a statement runs, so for some minutes the server cancels the next
 * ones sooner.
 */
export class Background {
  readonly #session: Session
  readonly #log: Log
  readonly #cancelled = new Map<
    BackgroundWork,
    { readonly tries: number; readonly at: number; readonly until: number }
  >()

  constructor(session: Session, log: Log) {
    this.#session = session
    this.#log = log
  }

  /** `at`, or when the work has rested if that is later. */
  after(work: BackgroundWork, at: number): number {
    return Math.max(at, this.#cancelled.get(work)?.until ?? at)
  }

  /** Runs the work unless it rests. Returns its result; false: it rests. */
  async run(work: BackgroundWork, step: () => Promise<boolean>): Promise<boolean> {
    const now = performance.now()
    if (now < this.after(work, now)) return false
    const last = this.#cancelled.get(work)
    const isCareful = last !== undefined && now - last.at < carefulMs
    if (last && !isCareful) this.#cancelled.delete(work)
    try {
      return await (isCareful ? this.#withinLimit(step) : step())
    } catch (error) {
      if (!isCancelled(error)) throw error
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
    const tries = (this.#cancelled.get(work)?.tries ?? 0) + 1
    const restMs = retryDelayMs(tries, cancelledPause, () => 1)
    this.#cancelled.set(work, { tries, at, until: at + restMs })
    this.#log.warn('background_cancelled', { work, tries, retry_in_ms: restMs, err: error })
  }
}
