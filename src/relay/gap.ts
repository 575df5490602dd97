import { compareIds } from '../ids.ts'

/** A stretch of ids that the tip has jumped over and that is still to be read: `from < id <= to`. There is one at most. */
export class Gap {
  #from: string | null = null
  #to = '0'

  get isOpen(): boolean {
    return this.#from !== null
  }

  /** @throws {Error} when there is no gap. */
  get from(): string {
    if (this.#from === null) throw new Error('Asked where a gap begins while there is none')
    return this.#from
  }

  get to(): string {
    return this.#to
  }

  /** This stretch too. What lies between two gaps belongs to both: it is read once more, and known. */
  open(from: string, to: string): void {
    if (this.#from === null) {
      this.#from = from
      this.#to = to
      return
    }
    if (compareIds(from, this.#from) < 0) this.#from = from
    if (compareIds(to, this.#to) > 0) this.#to = to
  }

  /** It has been read up to here. */
  advance(reached: string): void {
    this.#from = reached
  }

  close(): void {
    this.#from = null
  }
}
