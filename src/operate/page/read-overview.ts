import { databaseOf } from '../../outbox/database.ts'
import { readFailing } from '../../outbox/failing.ts'
import { readFigures } from '../../outbox/screen-figures.ts'
import type { ScreenSessions } from '../../outbox/screen-sessions.ts'
import { listHoldEntries, readViewer } from '../../outbox/screens.ts'
import { readRelays } from '../../outbox/status.ts'
import type { Overview } from './overview.ts'
import { Periods, spans } from './periods.ts'
import { SharedReading } from './shared-reading.ts'

/** The shortest time between two reads of the overview, in milliseconds. */
const soonestMs = 2_000
/** The overview rests so many times as long as its read took. Two sessions read, each a two hundredth of the time. */
const restPerRead = 200
/** The longest time between two reads, in milliseconds. */
const latestMs = 10_000

/** The doctor's findings are shared apart: see doctor.ts. */
export type SharedOverview = Omit<Overview, 'examined'>

/** The part of all screens that every viewer sees. */
export function sharedOverview(sessions: ScreenSessions): SharedReading<SharedOverview> {
  const minutes = new Periods(spans['1 h'])
  return new SharedReading(() => readOverview(sessions, minutes), {
    restMs: tookMs => Math.min(latestMs, Math.max(soonestMs, tookMs * restPerRead)),
    staleMs: 10_000,
  })
}

/** Reads over both sessions at once: the failing receivers take as long as all the rest. */
async function readOverview(sessions: ScreenSessions, minutes: Periods): Promise<SharedOverview> {
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
