import { type MinuteCount, readMinutes } from '../../outbox/screen-minutes.ts'
import type { Session } from '../../outbox/session.ts'

/** Minutes on the chart. */
export const shownMinutes = 60

const minuteMs = 60_000
/** What a minute has settled may be committed a moment later, in milliseconds. */
const lateMs = 2_000
/** Minutes of one statement, so that it is short: see screen-minutes.ts. */
const perStatement = 6
/** Reading goes on with the next renewal after this, in milliseconds. */
const patienceMs = 30

/** What the last hour has settled. A minute that is over does not change, so each is read once, the newest first. */
export class Minutes {
  readonly #known = new Map<number, MinuteCount>()

  /** @returns the minutes that are known, the oldest first: all of the hour, or the newest until the others are read. */
  async read(session: Session, now: Date): Promise<MinuteCount[]> {
    const end = Math.floor((+now - lateMs) / minuteMs) * minuteMs
    const wanted = Array.from({ length: shownMinutes }, (_, n) => end - (n + 1) * minuteMs)
    for (const atMs of this.#known.keys()) if (!wanted.includes(atMs)) this.#known.delete(atMs)
    const missing = wanted.filter(atMs => !this.#known.has(atMs))
    const startedAt = performance.now()
    while (missing.length > 0 && performance.now() - startedAt < patienceMs)
      for (const each of await readMinutes(session, missing.splice(0, perStatement))) this.#known.set(each.atMs, each)
    return [...this.#known.values()].toSorted((a, b) => a.atMs - b.atMs)
  }
}
