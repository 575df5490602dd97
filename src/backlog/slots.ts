/**
 * Slots that children share. Unproven children get at most half of what the proven ones leave, but at least one:
 * however many hang, half is free for those that answer.
 */
export class Slots {
  #taken = 0
  #unproven = 0

  get taken(): number {
    return this.#taken
  }

  /** How many more may be taken. @param limit all slots, which may have changed. */
  free(limit: number, isProven: boolean): number {
    const free = limit - this.#taken
    if (isProven || free <= 0) return Math.max(0, free)
    const half = Math.max(1, Math.floor((free + this.#unproven) / 2))
    return Math.max(0, Math.min(free, half - this.#unproven))
  }

  take(isProven: boolean): void {
    this.#taken += 1
    if (!isProven) this.#unproven += 1
  }

  /** @param isProven as when it was taken. */
  giveBack(isProven: boolean): void {
    this.#taken -= 1
    if (!isProven) this.#unproven -= 1
  }
}
