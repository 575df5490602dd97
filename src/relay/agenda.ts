import { AutoResetEvent } from './auto-reset-event.ts'

/** What the next look is to read, and what wakes the loop that looks. It outlives connections; times are of `performance.now()`. */
export class Agenda {
  /** A look is to be made at once. */
  readonly event = new AutoResetEvent()
  /** New rows are to be read, and not only what is wanted of what is known. */
  isNewWanted = true
  areHoldsWanted = true
  /** By what is known, of the database or from this relay's own retries. */
  nextDueAt = Number.POSITIVE_INFINITY

  /** Reading begins anew: all is wanted. */
  restart(): void {
    this.isNewWanted = true
    this.areHoldsWanted = true
    this.nextDueAt = Number.POSITIVE_INFINITY
  }

  /** New rows may be there. */
  lookForNew(): void {
    this.isNewWanted = true
    this.event.set()
  }

  /** A row of ours is due again then. When that is sooner than all that was known, the wait for the next look is too long. */
  dueAgainAt(at: number): void {
    if (this.noteDue(at)) this.event.set()
  }

  /** True: it is sooner than all that was known. */
  noteDue(at: number): boolean {
    const isSooner = at < this.nextDueAt
    if (isSooner) this.nextDueAt = at
    return isSooner
  }
}
