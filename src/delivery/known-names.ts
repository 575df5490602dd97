/**
 * How a name stands, by its last lookup. `proven`: it was answered soon. `slow`: it was not, and the next one may hang as well.
 * `new`: nothing is known that would tell.
 */
export type Standing = 'proven' | 'new' | 'slow'

/** A lookup that takes this long is taken to hang: one retry of a question, by the system's defaults, takes five seconds. */
export const SLOW_MS = 1_000

/** The age up to which an answer may stand in for a fresh one. How long it is good for, `getaddrinfo` does not say. */
const KEPT_MS = 3_600_000

interface Known {
  readonly standing: Standing
  /** The last answer; null: none, or the name is gone. */
  readonly addresses: readonly string[] | null
  readonly answeredAtMs: number
}

/** What is remembered of names, so many at most: those whose lookup ended longest ago go first. */
export class KnownNames {
  readonly #capacity: number
  readonly #names = new Map<string, Known>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  standingOf(name: string): Standing {
    return this.#names.get(name)?.standing ?? 'new'
  }

  /** The last answer, if it may still stand in for a fresh one. */
  kept(name: string, nowMs: number): readonly string[] | null {
    const known = this.#names.get(name)
    return known !== undefined && nowMs - known.answeredAtMs <= KEPT_MS ? known.addresses : null
  }

  answered(name: string, addresses: readonly string[], tookMs: number, nowMs: number): void {
    this.#remember(name, { standing: tookMs < SLOW_MS ? 'proven' : 'slow', addresses, answeredAtMs: nowMs })
  }

  /** @param isGone there is no such name, says whoever must know; otherwise the last answer stays. */
  failed(name: string, isGone: boolean, tookMs: number): void {
    const { addresses = null, answeredAtMs = 0 } = isGone ? {} : (this.#names.get(name) ?? {})
    this.#remember(name, { standing: tookMs < SLOW_MS ? 'new' : 'slow', addresses, answeredAtMs })
  }

  #remember(name: string, known: Known): void {
    this.#names.delete(name)
    if (known.standing === 'new' && known.addresses === null) return
    this.#names.set(name, known)
    const [oldest] = this.#names.keys()
    if (this.#names.size > this.#capacity && oldest !== undefined) this.#names.delete(oldest)
  }
}
