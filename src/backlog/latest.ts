/** Answers that are looked back at. */
const most = 20

interface Answer {
  /** null: the connection said so, of whatever URL. */
  readonly url: string | null
  readonly isBad: boolean
}

/** The latest answers of an origin, to see how many of them are bad, and whose. */
export class Latest {
  readonly #answers: Answer[] = []

  /** @param url null: the connection said so, of whatever URL. */
  add(url: string | null, isBad: boolean): void {
    this.#answers.push({ url, isBad })
    if (this.#answers.length > most) this.#answers.shift()
  }

  /** The share of bad ones, 0 to 1. */
  get share(): number {
    return this.#answers.filter(({ isBad }) => isBad).length / Math.max(1, this.#answers.length)
  }

  /** A bad answer of this URL speaks for the origin: so do others, or no other URL was answered well of late. */
  isOfOrigin(url: string | null): boolean {
    const bad = new Set(this.#answers.flatMap(each => (each.isBad && each.url !== null ? [each.url] : [])))
    return url === null || bad.size > 1 || this.#answers.every(each => each.url === null || bad.has(each.url))
  }
}
