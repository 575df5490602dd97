import { doubtLooks } from '../policy/tuning.ts'

/**
 * Whether the listener is deaf: while a relay holds the wake lock, several looks have found rows without a notification
 * between them. One such look means nothing, since a notification may arrive a little after its row.
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
    // Longer each time: a new listener does not help when the trigger does not fire.
    this.#enough = Math.min(doubtLooks.most, this.#enough * 2)
    return true
  }
}
