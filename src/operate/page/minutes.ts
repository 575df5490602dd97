import { type MinuteCount, readMinutes } from '../../outbox/screen-minutes.ts'
import type { Session } from '../../outbox/session.ts'

/** How many minutes the chart shows. */
export const shownMinutes = 60

const minuteMs = 60_000
/** A minute is read so long after its end, in milliseconds, since its last commits may be late. */
const lateMs = 2_000
/** How many minutes one statement reads, so that it is short: see screen-minutes.ts. */
const perStatement = 6
/** How long one renewal may read, in milliseconds. The next one goes on. */
const patienceMs = 30

/**
 * Counts of settled callbacks for each minute of the last hour. A past minute does not change, so each is read once,
 * newest first.
 */
export class Minutes {
  readonly #known = new Map<number, MinuteCount>()

  /** @returns the minutes that have been read, oldest first: the whole hour, or its newest part. */
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
