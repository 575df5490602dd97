import type { Contestant } from '../contestants/contestant.ts'
import { ringback } from '../contestants/ringback.ts'
import { deliver, noteDrained } from '../drain.ts'
import { withHistory } from '../history.ts'
import { Receiver } from '../receiving.ts'
import type { Note, Stage } from '../stage.ts'

const HISTORY = 10_000_000
const WAITING = 200_000
/** More than --keep-delivered by default. */
const DAYS_OLD = 40

/** 200,000 callbacks behind 10 million old ones: what their deletion costs those that wait, and how many go meanwhile. */
export async function retentionPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const urls = await receiver.urls(4)
  const round = (contestant: Contestant) => async (note: Note) => {
    const load = { rows: stage.rows(WAITING), keys: 'pairs', urls } as const
    const { server } = stage
    const database = await server.database()
    try {
      await withHistory(contestant, stage.rows(HISTORY), DAYS_OLD).load(database, load)
      const drained = await deliver(contestant, database, { server, receiver, load, capSeconds: 300 })
      noteDrained(note, drained)
      const { rows } = await database.client.query<{ deleted: number; busy: number }>(
        `select sum(deleted)::float8 as deleted, extract(epoch from sum(busy))::float8 as busy from outbox.janitor_run`,
      )
      note('deleted', (rows[0]?.deleted ?? 0) / drained.seconds, 'rows/s')
      note('deleting', ((rows[0]?.busy ?? 0) / drained.seconds) * 100, '% of the time')
    } finally {
      await database.drop()
    }
  }
  await stage.interleave({
    'history kept': round(ringback({ 'keep-delivered': 'never' })),
    'history deleted': round(ringback()),
  })
  await receiver.stop()
}
