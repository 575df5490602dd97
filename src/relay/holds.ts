import type { Session } from '../outbox/session.ts'
import { type HeldOrigins, noHolds, readHolds } from '../outbox/sweep.ts'

/**
 * Which origins are on hold. It saves reads: no rows are read for an origin that is wholly on hold. The claim itself
 * checks holds.
 */
export class Holds {
  #held: HeldOrigins = noHolds

  get areAny(): boolean {
    return this.#held.origins.size > 0
  }

  isHeld(origin: string): boolean {
    if (this.#held.origins.size === 0) return false
    const scheme = origin.slice(0, origin.indexOf('/'))
    return this.#held.origins.get(origin)?.isWhole === true || this.#held.origins.get(scheme)?.isWhole === true
  }

  /** @returns origins, or schemes such as `http:`, whose holds have changed. */
  async read(session: Session): Promise<readonly string[]> {
    const now = await readHolds(session, this.#held.digest)
    if (!now) return []
    const before = this.#held
    this.#held = now
    const all = new Set([...before.origins.keys(), ...now.origins.keys()])
    return [...all].filter(origin => before.origins.get(origin)?.digest !== now.origins.get(origin)?.digest)
  }
}
