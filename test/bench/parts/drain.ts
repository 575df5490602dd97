import type { Contestant } from '../contestants/contestant.ts'
import { graphileWorker, graphileWorkerUnbatched } from '../contestants/graphile-worker.ts'
import { pgBoss } from '../contestants/pg-boss.ts'
import { pgTransactionalOutbox } from '../contestants/pg-transactional-outbox.ts'
import { plain } from '../contestants/plain.ts'
import { ringback } from '../contestants/ringback.ts'
import { drain, noteDrained } from '../drain.ts'
import type { Load } from '../load.ts'
import { Receiver } from '../receiving.ts'
import type { Round, Stage } from '../stage.ts'

/** As many POSTs at once as each peer has. */
const SAME = { concurrency: 64, 'origin-concurrency': 16 }

/** 100,000 waiting callbacks, two a key for Ringback, to four receivers, until all are recorded. Peers keep no order here. */
export async function drainPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const urls = await receiver.urls(4)
  const round = (contestant: Contestant, keys: Load['keys']): Round => {
    const load = { rows: stage.rows(100_000), keys, urls }
    return async note => noteDrained(note, await drain(contestant, { server: stage.server, receiver, load }))
  }
  await stage.interleave({
    ringback: round(ringback(SAME), 'pairs'),
    'ringback, nothing kept': round(ringback({ ...SAME, 'keep-delivered': 0 }), 'pairs'),
    'ringback, 256 in flight': round(ringback({ concurrency: 256, 'origin-concurrency': 64 }), 'pairs'),
    'graphile-worker': round(graphileWorker, 'none'),
    'graphile-worker, unbatched': round(graphileWorkerUnbatched, 'none'),
    'pg-boss': round(pgBoss, 'none'),
    'pg-transactional-outbox': round(pgTransactionalOutbox, 'none'),
    'undici loop': round(plain, 'none'),
  })
  await receiver.stop()
}
