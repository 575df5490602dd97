import { migrate, relay } from '../contestants/ringback.ts'
import type { InserterResult, InserterTask } from '../inserter.ts'
import { Process } from '../processes.ts'
import { Receiver } from '../receiving.ts'
import type { Note, Stage } from '../stage.ts'

/** 16 clients that share flushes of 20 ms do 800 a second. If each waited for the others to notify, they would do 50. */
const CLIENTS = 16
const FLUSH_MS = 20
const SECONDS = 5

/**
 * Single-row transactions a second that producers get through where a commit takes long (a slow disk, a synchronous standby),
 * beside a relay and without one. A sleeping relay must see that they wait for one another to notify, and wake up.
 */
export async function commitsPart(stage: Stage): Promise<void> {
  await stage.interleave({
    'no relay': note => measure(stage, false, note),
    'relay at work': note => measure(stage, true, note),
  })
}

async function measure(stage: Stage, isBesideRelay: boolean, note: Note): Promise<void> {
  const receiver = new Receiver()
  const [url = ''] = await receiver.urls(1)
  const database = await stage.server.database()
  await migrate(database)
  const insert = `insert into outbox.callback (url, form, ordering_key)
    values ('${url}', '{"flowId": 7, "flowExecutionId": 31, "code": 2}', 'execution 31')`
  const running = isBesideRelay ? relay(database) : null
  try {
    if (running) {
      const arrived = receiver.arrived('first', AbortSignal.timeout(10_000))
      await database.client.query(insert)
      await arrived
    }
    note(`${CLIENTS} clients`, await rateOf(database.url, insert, Math.max(2, SECONDS * stage.scale)), 'rows/s')
  } finally {
    await running?.stop()
    await database.drop()
    await receiver.stop()
  }
}

async function rateOf(databaseUrl: string, insert: string, seconds: number): Promise<number> {
  const task: InserterTask = { databaseUrl, insert, clients: CLIENTS, seconds, flushMs: FLUSH_MS }
  const inserter = Process.node('inserter.ts', [JSON.stringify(task)], { ipc: true })
  await inserter.message()
  inserter.send('begin')
  const { inserted } = await inserter.message<InserterResult>()
  await inserter.succeed()
  return inserted / seconds
}
