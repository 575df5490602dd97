/**
 * The slots of a parent, and what its children take of them. Children that have not proven themselves get at most half of what
 * the others leave, and one at least: however many of them hang, half of it is free for those that answer.
 */
export class Slots {
  #taken = 0
  #unproven = 0

  get taken(): number {
    return this.#taken
  }

  /** How many more may be taken. @param limit all there are, which may have changed. */
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

  /** @param isProven as it was when it was taken. */
  giveBack(isProven: boolean): void {
    this.#taken -= 1
    if (!isProven) this.#unproven -= 1
  }
}
