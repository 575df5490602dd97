import { SLOW_MS, type Standing } from './known-names.ts'

const STANDINGS = ['proven', 'new', 'slow'] as const satisfies readonly Standing[]

interface UnderWay {
  readonly standing: Standing
  readonly sinceMs: number
}

/**
 * Which names may be looked up now. Pure: told what happens, and when.
 *
 * Those that are proven go first, then those seen for the first time, and last those that have been slow before: of them only
 * so many are looked up at once that half of the threads remain. Of more than two threads one remains for names that are proven,
 * whatever first-seen ones do; of two, first-seen ones may have both, since who is proven has an old answer to go by until one
 * of them is free, and is served first then. Within a standing it is first come, first served, each name once.
 */
export class LookupQueue {
  /** A lookup may start while fewer than so many others are under way that may hang: see `#doubtful`. */
  readonly #limits: Readonly<Record<Standing, number>>
  readonly #threads: number
  readonly #waiting: Readonly<Record<Standing, Set<string>>> = { proven: new Set(), new: new Set(), slow: new Set() }
  readonly #underWay = new Map<string, UnderWay>()

  /** @param threads lookups at once. */
  constructor(threads: number) {
    this.#threads = threads
    this.#limits = {
      proven: threads,
      new: threads > 2 ? threads - 1 : threads,
      slow: Math.max(1, Math.floor(threads / 2)),
    }
  }

  /** @param name neither waiting nor under way. */
  add(name: string, standing: Standing): void {
    this.#waiting[standing].add(name)
  }

  /** Takes back a name that waits. False: it does not wait. */
  drop(name: string): boolean {
    return STANDINGS.some(standing => this.#waiting[standing].delete(name))
  }

  /** The next name whose lookup may start, and counts as started then; null: none. */
  next(nowMs: number): string | null {
    if (this.#underWay.size >= this.#threads) return null
    const doubtful = this.#doubtful(nowMs)
    for (const standing of STANDINGS) {
      const [name] = this.#waiting[standing]
      if (name === undefined) continue
      if (doubtful >= this.#limits[standing]) return null
      this.#waiting[standing].delete(name)
      this.#underWay.set(name, { standing, sinceMs: nowMs })
      return name
    }
    return null
  }

  /** The lookup of a name has ended. @returns how long it took, in milliseconds. */
  ended(name: string, nowMs: number): number {
    const lookup = this.#underWay.get(name)
    if (lookup === undefined) throw new Error(`A lookup of ${name} ended that had not been started`)
    this.#underWay.delete(name)
    return nowMs - lookup.sinceMs
  }

  /** How many lookups are under way that this name waits for; null when its own is one of them. */
  ahead(name: string): number | null {
    return this.#underWay.has(name) ? null : this.#underWay.size
  }

  /** Some lookup may end soon: its name has not hung before, and it has not been under way for so long itself. */
  isSoonFree(nowMs: number, longMs: number): boolean {
    for (const { standing, sinceMs } of this.#underWay.values()) {
      if (standing !== 'slow' && nowMs - sinceMs < longMs) return true
    }
    return false
  }

  /** Of names that are not proven, or under way for long by now. */
  #doubtful(nowMs: number): number {
    let count = 0
    for (const { standing, sinceMs } of this.#underWay.values()) {
      if (standing !== 'proven' || nowMs - sinceMs >= SLOW_MS) count += 1
    }
    return count
  }
}
