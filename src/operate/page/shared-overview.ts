import { databaseOf } from '../../outbox/database.ts'
import { readFailing } from '../../outbox/failing.ts'
import { readFigures } from '../../outbox/screen-figures.ts'
import type { ScreenSessions } from '../../outbox/screen-sessions.ts'
import { listHoldEntries, readViewer } from '../../outbox/screens.ts'
import { readRelays } from '../../outbox/status.ts'
import type { Overview } from './overview.ts'
import { Periods, spans } from './periods.ts'

/** The shortest time between two reads of the overview, in milliseconds. */
const soonestMs = 2_000
/** The overview rests so many times as long as its read took: reading takes one hundredth of the time. */
const restPerRead = 100
/** The longest time between two reads, in milliseconds. */
const latestMs = 10_000

/** An overview so much older than that, in milliseconds, is not shown: its viewer waits for a new one. */
const staleMs = 10_000

interface Kept {
  readonly overview: Overview
  readonly at: number
  readonly renewMs: number
}

/**
 * The part of all screens that every viewer sees. A viewer gets the last overview at once, while a new one is read. A
 * viewer waits only after a time without viewers, or after an act.
 */
export class SharedOverview {
  readonly #sessions: ScreenSessions
  readonly #minutes = new Periods(spans['1 h'])
  #kept: Kept | null = null
  #reading: Promise<Overview> | null = null

  constructor(sessions: ScreenSessions) {
    this.#sessions = sessions
  }

  /** @throws pg's error when the database does not answer. */
  async get(): Promise<Overview> {
    const kept = this.#kept
    const age = kept === null ? Infinity : performance.now() - kept.at
    if (kept === null || age > kept.renewMs + staleMs) return this.#read()
    // A failure forgets the kept overview, so the next viewer waits and gets the error.
    if (age > kept.renewMs) this.#read().catch(() => {})
    return kept.overview
  }

  /** Called after an act: the next viewer waits for a new overview. */
  forget(): void {
    this.#kept = null
    this.#reading = null
  }

  #read(): Promise<Overview> {
    if (this.#reading !== null) return this.#reading
    const startedAt = performance.now()
    const reading = readOverview(this.#sessions, this.#minutes)
    this.#reading = reading
    const end = (overview: Overview | null) => {
      // A read that began before an act does not show it.
      if (this.#reading !== reading) return
      const at = performance.now()
      const renewMs = Math.min(latestMs, Math.max(soonestMs, (at - startedAt) * restPerRead))
      this.#reading = null
      this.#kept = overview === null ? null : { overview, at, renewMs }
    }
    reading.then(end, () => end(null))
    return reading
  }
}

/** Reads over both sessions at once: the failing receivers take as long as all the rest. */
async function readOverview(sessions: ScreenSessions, minutes: Periods): Promise<Overview> {
  const [failing, others] = await Promise.all([
    sessions.read(readFailing),
    sessions.read(async session => {
      const figures = await readFigures(session)
      return {
        figures,
        viewer: await readViewer(session),
        holds: await listHoldEntries(session),
        relays: await readRelays(databaseOf(session)),
        minutes: await minutes.read(session, figures.now),
      }
    }),
  ])
  return { failing, ...others }
}
