export interface Sharing {
  /** How long a result is kept before it is renewed, in milliseconds. @param tookMs how long reading it took. */
  readonly restMs: (tookMs: number) => number
  /** A result so much older than that, in milliseconds, is not shown: its viewer waits for a new one. */
  readonly staleMs: number
}

interface Kept<T> {
  readonly result: T
  readonly at: number
  readonly restMs: number
}

/**
 * What is read once for all viewers. A viewer gets the last result at once, while a new one is read. A viewer waits only
 * after a time without viewers, or after an act.
 */
export class SharedReading<T> {
  readonly #read: () => Promise<T>
  readonly #sharing: Sharing
  #kept: Kept<T> | null = null
  #reading: Promise<T> | null = null

  constructor(read: () => Promise<T>, sharing: Sharing) {
    this.#read = read
    this.#sharing = sharing
  }

  /** @throws pg's error when the database does not answer. */
  async get(): Promise<T> {
    const kept = this.#kept
    const overdueMs = kept === null ? Infinity : performance.now() - kept.at - kept.restMs
    if (kept === null || overdueMs > this.#sharing.staleMs) return this.#renew()
    // A failure forgets the kept result, so the next viewer waits and gets the error.
    if (overdueMs > 0) this.#renew().catch(() => {})
    return kept.result
  }

  /** The last result, however old; null: there is none yet. It is renewed when it is due, and nobody waits for that. */
  latest(): T | null {
    this.get().catch(() => {})
    return this.#kept?.result ?? null
  }

  /** Called after an act: the next viewer waits for a new result. */
  forget(): void {
    this.#kept = null
    this.#reading = null
  }

  #renew(): Promise<T> {
    if (this.#reading !== null) return this.#reading
    const startedAt = performance.now()
    const reading = this.#read()
    this.#reading = reading
    const end = (kept: Omit<Kept<T>, 'restMs' | 'at'> | null) => {
      // A read that began before an act does not show it.
      if (this.#reading !== reading) return
      const at = performance.now()
      this.#reading = null
      this.#kept = kept && { ...kept, at, restMs: this.#sharing.restMs(at - startedAt) }
    }
    reading.then(
      result => end({ result }),
      () => end(null),
    )
    return reading
  }
}
