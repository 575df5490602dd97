import { databaseOf } from '../../outbox/database.ts'
import { readFailing } from '../../outbox/failing.ts'
import { readFigures } from '../../outbox/screen-figures.ts'
import type { ScreenSessions } from '../../outbox/screen-sessions.ts'
import { listHoldEntries, readViewer } from '../../outbox/screens.ts'
import { readRelays } from '../../outbox/status.ts'
import { Minutes } from './minutes.ts'
import type { Overview } from './overview.ts'

/** The overview is read again after this, in milliseconds, or later where reading takes long: */
const soonestMs = 2_000
/** so that it is being read for one hundredth of the time, however many look; */
const restPerRead = 100
/** but not later than this. */
const latestMs = 10_000

/** How old it may be before it is renewed behind the answer, in milliseconds. What is older is waited for. */
const staleMs = 10_000

interface Kept {
  readonly overview: Overview
  readonly at: number
  readonly renewMs: number
}

/**
 * What every viewer sees. Viewers get what was read last, at once, and each screen says of when it is; it is read anew behind
 * their backs. Only who comes after a while without viewers, or after an act, waits for the database.
 */
export class SharedOverview {
  readonly #sessions: ScreenSessions
  readonly #minutes = new Minutes()
  #kept: Kept | null = null
  #reading: Promise<Overview> | null = null

  constructor(sessions: ScreenSessions) {
    this.#sessions = sessions
  }

  /** @throws what pg throws where the database does not answer. */
  async get(): Promise<Overview> {
    const kept = this.#kept
    const age = kept === null ? Infinity : performance.now() - kept.at
    if (kept === null || age > kept.renewMs + staleMs) return this.#read()
    // A failure is told to who asks next: what was kept is gone then.
    if (age > kept.renewMs) this.#read().catch(() => {})
    return kept.overview
  }

  /** Something was changed: the next one who asks waits for what is true now. */
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
      // What was begun before an act does not know of it.
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

/** By both sessions at once: what fails takes as long as all the rest. */
async function readOverview(sessions: ScreenSessions, minutes: Minutes): Promise<Overview> {
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
