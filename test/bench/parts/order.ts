import type { Contestant } from '../contestants/contestant.ts'
import { graphileWorker } from '../contestants/graphile-worker.ts'
import { pgBoss } from '../contestants/pg-boss.ts'
import { ringback } from '../contestants/ringback.ts'
import { drain } from '../drain.ts'
import type { Load } from '../load.ts'
import { oneByOneMs } from '../one-by-one.ts'
import { Receiver } from '../receiving.ts'
import type { Note, Stage } from '../stage.ts'

/**
 * What order costs: 100,000 callbacks without keys, with a key each, and with two a key; then 10,000 with the same key, beside
 * the two commits and the POST that each of those needs at least. Peers with what they offer for order. 60 s at most each.
 */
export async function orderPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const urls = await receiver.urls(4)
  const many = (contestant: Contestant, keys: Load['keys'], figure: string) => async (note: Note) => {
    const load = { rows: stage.rows(100_000), keys, urls }
    const { recorded, seconds } = await drain(contestant, { server: stage.server, receiver, load })
    note(figure, recorded / seconds, 'callbacks/s')
  }
  const one = (contestant: Contestant) => async (note: Note) => {
    const load = { rows: stage.rows(10_000), keys: 'one', urls } as const
    const { recorded, seconds } = await drain(contestant, { server: stage.server, receiver, load })
    note('one key', recorded / seconds, 'callbacks/s')
    note('one key, each', (seconds * 1_000) / recorded, 'ms')
  }
  const all = (contestant: Contestant) => async (note: Note) => {
    await many(contestant, 'none', 'no keys')(note)
    await many(contestant, 'each', 'a key each')(note)
    await many(contestant, 'pairs', 'two a key')(note)
    await one(contestant)(note)
  }
  await stage.interleave({
    ringback: all(ringback()),
    'graphile-worker, named queues': all(graphileWorker),
    'pg-boss, key_strict_fifo': all(pgBoss),
    'claim, POST, record, one by one': note => leastMs(stage, urls, note),
  })
  await receiver.stop()
}

async function leastMs(stage: Stage, urls: readonly string[], note: Note): Promise<void> {
  const database = await stage.server.database()
  try {
    const each = await oneByOneMs(database, { rows: Math.min(2_000, stage.rows(10_000)), keys: 'one', urls })
    note('one key', 1_000 / each, 'callbacks/s')
    note('one key, each', each, 'ms')
  } finally {
    await database.drop()
  }
}
