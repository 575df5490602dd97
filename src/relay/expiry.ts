import type { Backlog } from '../backlog/backlog.ts'
import { isRefusalOfRows } from '../outbox/database-errors.ts'
import { isolate } from '../outbox/isolate.ts'
import type { Session } from '../outbox/session.ts'
import { expire, findExpired } from '../outbox/settle.ts'
import { expiryRows, longestSweepPauseMs, longLookBack, refusedExpiryRows } from '../policy/tuning.ts'
import type { Agenda } from './agenda.ts'
import type { Background } from './background.ts'
import type { Refusals } from './refusals.ts'
import { searchPauseMs } from './search-pause.ts'

export interface ExpiryParts {
  readonly session: Session
  readonly background: Background
  readonly backlog: Backlog
  readonly agenda: Agenda
  /** Callbacks that PostgreSQL refuses to make dead. It outlives connections. */
  readonly unexpired: Refusals
  /** The epoch of the present registration. */
  readonly epoch: () => string
  /** Called with callbacks that are dead since they have expired. */
  readonly expired: (ids: readonly string[]) => void
}

/**
 * Ends expired rows. To look for all of them takes long while a snapshot is held open, so only those that have expired
 * since the last look are looked for each time.
 */
export class Expiry {
  readonly #parts: ExpiryParts
  /** When expired rows were last looked for. */
  #lookedAt = 0
  /** When all of them are looked for next, and not only those that have just expired. */
  #allAt = 0
  /** Most rows of the next statement. */
  #most = expiryRows

  constructor(parts: ExpiryParts) {
    this.#parts = parts
  }

  /** Looks once. Returns whether there may be more. */
  async work(): Promise<boolean> {
    const { agenda, background } = this.#parts
    const allAt = agenda.areAllExpiredWanted ? Number.NEGATIVE_INFINITY : this.#allAt
    const isAll = performance.now() >= background.after('all expired', allAt)
    return background.run(isAll ? 'all expired' : 'expired', () => this.#look(isAll))
  }

  async #look(isAll: boolean): Promise<boolean> {
    const { session, agenda, unexpired } = this.#parts
    const now = performance.now()
    // Stands if PostgreSQL cancels this look: the next ones are short again.
    if (isAll) {
      this.#allAt = now + longestSweepPauseMs
      agenda.areAllExpiredWanted = false
    }
    const withinMs = isAll ? null : now - this.#lookedAt + longLookBack.ms
    const most = this.#most
    const { ids, workMs } = await findExpired(session, most, withinMs, unexpired.resting(now))
    const hasEnded = ids.length > 0 && (await this.#expire(ids))
    const isMore = hasEnded && ids.length === most
    if (isAll && isMore) this.#allAt = now
    if (isMore) return true
    this.#lookedAt = now
    if (isAll) this.#allAt = now + searchPauseMs(workMs)
    return false
  }

  /** A row that PostgreSQL refuses to make dead rests. Returns whether any row is dead now, or rests. */
  async #expire(ids: readonly string[]): Promise<boolean> {
    const { session, epoch, backlog, unexpired, expired: tell } = this.#parts
    let hasEnded = false
    const run = async (part: readonly string[]) => {
      const expired = await expire(session, epoch(), part)
      for (const { id, orderingKey, next } of expired) {
        unexpired.passed(id)
        backlog.settledUnclaimed(id, orderingKey, next)
      }
      hasEnded ||= expired.length > 0
      if (expired.length > 0) tell(expired.map(({ id }) => id))
    }
    const refused = await isolate(ids, run, isRefusalOfRows)
    for (const { item, error } of refused) unexpired.refused(item, error, performance.now(), { statement: 'expire' })
    // New rows wait while refused ones are told apart, and more of them may follow.
    this.#most = refused.length > 0 ? refusedExpiryRows : expiryRows
    return hasEnded || refused.length > 0
  }
}
