import { AutoResetEvent } from './auto-reset-event.ts'

/**
 * What the next look must read, and what wakes the loop that looks. It outlives connections. Times are of
 * `performance.now()`.
 */
export class Agenda {
  /** Set when it is time to look. */
  readonly event = new AutoResetEvent()
  /** Whether the next look must read new rows. */
  isNewWanted = true
  areHoldsWanted = true
  /** Whether a row is known that expired so long ago that only the look for all such rows finds it. */
  areAllExpiredWanted = false
  /** When due rows are read next: when one is due, as far as the database and this relay's own retries tell, or sooner. */
  nextDueAt = Number.POSITIVE_INFINITY

  /** Called when reading begins anew, over new connections. */
  restart(): void {
    this.isNewWanted = true
    this.areHoldsWanted = true
    this.nextDueAt = Number.POSITIVE_INFINITY
  }

  /** Called when there may be new rows. */
  lookForNew(): void {
    this.isNewWanted = true
    this.event.set()
  }

  /** Called when a row of this relay will be due again. Wakes the loop if that is sooner than any known due time. */
  dueAgainAt(at: number): void {
    if (this.noteDue(at)) this.event.set()
  }

  /** Returns whether it is sooner than any known due time. */
  noteDue(at: number): boolean {
    const isSooner = at < this.nextDueAt
    if (isSooner) this.nextDueAt = at
    return isSooner
  }
}
