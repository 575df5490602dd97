import { doubtLooks } from '../policy/tuning.ts'

/**
 * Whether what listens is deaf. While a relay holds the lock that lets writers notify, each new row comes with a
 * notification, which may arrive a little later than its row is seen. So one look that finds rows unannounced means nothing,
 * and several without a notification between them do.
 *
 * A new listener helps only when the old one was the reason. A trigger that does not fire is none that it can help: each
 * doubt takes twice as many such looks as the one before.
 */
export class Doubt {
  #looks = 0
  #enough: number = doubtLooks.first

  /** Somebody's notification came. */
  heard(): void {
    this.#looks = 0
  }

  /** A look found new rows that nobody had announced. True: it is time for a new listener. */
  found(): boolean {
    this.#looks += 1
    if (this.#looks < this.#enough) return false
    this.#looks = 0
    this.#enough = Math.min(doubtLooks.most, this.#enough * 2)
    return true
  }
}
