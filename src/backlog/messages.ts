import type { Release, ShownRow } from '../model.ts'

/** Hints to send to the other relays. */
export interface Hints {
  readonly ids: readonly string[]
  /** There were too many hints to keep: the peers must sweep. */
  readonly isSweep: boolean
}

/** What the relay does with its next statements: hints to send to peers, and claims to release. */
export class Messages {
  readonly #hints = new Set<string>()
  readonly #releases = new Map<string, number>()
  readonly #mostHints: number
  #isSweep = false

  constructor(mostHints: number) {
    this.#mostHints = mostHints
  }

  hint({ id }: ShownRow): void {
    if (this.#hints.size < this.#mostHints) this.#hints.add(id)
    else this.#isSweep = true
  }

  release({ id, rev }: ShownRow): void {
    this.#releases.set(id, rev)
  }

  /** There are claims to release. */
  get hasReleases(): boolean {
    return this.#releases.size > 0
  }

  /** Takes out the hints to send with the next statement. */
  takeHints(): Hints {
    const hints = { ids: [...this.#hints], isSweep: this.#isSweep }
    this.#hints.clear()
    this.#isSweep = false
    return hints
  }

  /** Takes out the claims to release, as a read showed them. A newer claim may stand by now: look at each before. */
  takeReleases(): Release[] {
    const releases = [...this.#releases].map(([id, rev]) => ({ id, rev }))
    this.#releases.clear()
    return releases
  }
}
