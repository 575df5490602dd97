/** How many answers are remembered. */
const most = 20
/** How many good answers `assumeGood` adds. */
const assumed = 10

/** The latest answers, and how many of them are bad. */
export class Latest {
  readonly #isBad: boolean[] = []

  add(isBad: boolean): void {
    this.#isBad.push(isBad)
    if (this.#isBad.length > most) this.#isBad.shift()
  }

  assumeGood(): void {
    for (let n = 0; n < assumed; n += 1) this.add(false)
  }

  /** The share of bad answers, 0 to 1. */
  get share(): number {
    return this.#isBad.filter(isBad => isBad).length / Math.max(1, this.#isBad.length)
  }
}
