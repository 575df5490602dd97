import { doubtLooks } from '../policy/tuning.ts'

/**
 * Whether the listener is deaf. While a relay holds the wake lock, each new row comes with a notification, which may
 * arrive a little after its row is seen. So one look that finds unannounced rows means nothing. Several without a
 * notification between them mean that the listener is deaf.
 *
 * A new listener does not help when the trigger does not fire. So each doubt takes twice as many such looks as the last
 * one.
 */
export class ListenerDoubt {
  #looks = 0
  #enough: number = doubtLooks.first

  /** A notification of another session has come. */
  heard(): void {
    this.#looks = 0
  }

  /** A look found new rows without a notification. Returns whether it is time for a new listener. */
  found(): boolean {
    this.#looks += 1
    if (this.#looks < this.#enough) return false
    this.#looks = 0
    this.#enough = Math.min(doubtLooks.most, this.#enough * 2)
    return true
  }
}
