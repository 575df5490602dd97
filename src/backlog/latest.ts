/** Answers that are looked back at. */
const most = 20
/** So many good ones stand for what was before. */
const assumed = 10

/** The latest answers, to see how many of them are bad. */
export class Latest {
  readonly #isBad: boolean[] = []

  add(isBad: boolean): void {
    this.#isBad.push(isBad)
    if (this.#isBad.length > most) this.#isBad.shift()
  }

  assumeGood(): void {
    for (let n = 0; n < assumed; n += 1) this.add(false)
  }

  /** The share of bad ones, 0 to 1. */
  get share(): number {
    return this.#isBad.filter(isBad => isBad).length / Math.max(1, this.#isBad.length)
  }
}
