import { migrate, relay } from '../contestants/ringback.ts'
import type { InserterResult, InserterTask } from '../inserter.ts'
import { Process } from '../processes.ts'
import { Receiver } from '../receiving.ts'
import type { Database } from '../server.ts'
import type { Note, Round, Stage } from '../stage.ts'

const CLIENTS = [1, 16, 64]
const SECONDS = 5
/** Two, so that many clients are not held up by one event loop. */
const PROCESSES = 2

const insertInto = (url: string) => `insert into outbox.callback (url, form, ordering_key)
  values ('${url}', '{"flowId": 7, "flowExecutionId": 31, "code": 2}', 'execution 31')`

const INSERT = insertInto('https://crm.example/callbacks')

/** At 20 ms a flush, 16 clients that share flushes do 800 a second. If each waited for the others to notify, they would do 50. */
const SLOW = { clients: 16, flushMs: 20 }

/** The lock that a relay holds while it sleeps (src/outbox/wake-lock.ts): from then on every INSERT notifies. */
const SLEEP = `select pg_advisory_lock(hashtextextended('ringback wake outbox', 0))`

const ALWAYS_NOTIFY = `
  create function outbox.always_notify() returns trigger language plpgsql as $$
  begin
    perform pg_notify('outbox', '');
    return null;
  end $$;
  create or replace trigger wake after insert on outbox.callback for each statement execute function outbox.always_notify()`

/** What each contestant does to its database, once. */
const CONTESTANTS: Readonly<Record<string, (database: Database) => Promise<unknown>>> = {
  'no trigger': ({ client }) => client.query('drop trigger wake on outbox.callback'),
  'relay awake': async () => {},
  'relay asleep': async database => (await database.connect()).query(SLEEP),
  'NOTIFY always': ({ client }) => client.query(ALWAYS_NOTIFY),
}

/**
 * Single-row transactions a second that producers get through, by what the INSERT's trigger does. No relay delivers
 * meanwhile, since it would take the CPU: whether one is awake is only a matter of the lock. Where commits take long there is
 * CPU enough, and a relay is at work, since it must see that the producers wait for one another.
 */
export async function producerPart(stage: Stage): Promise<void> {
  const databases: Database[] = []
  try {
    for (const prepare of Object.values(CONTESTANTS)) databases.push(await prepared(stage, prepare))
    for (const clients of CLIENTS) {
      const round = (at: number): Round => {
        return note =>
          measure(
            databases[at] as Database,
            { clients, seconds: Math.max(1, SECONDS * stage.scale), insert: INSERT },
            note,
          )
      }
      await stage.interleave(Object.fromEntries(Object.keys(CONTESTANTS).map((name, at) => [name, round(at)])), 5)
    }
    await stage.interleave({
      'no trigger': note => measureSlow(stage, databases[0] as Database, note),
      'relay at work': note => measureBesideRelay(stage, note),
    })
  } finally {
    for (const database of databases) await database.drop()
  }
}

async function prepared(stage: Stage, prepare: (database: Database) => Promise<unknown>): Promise<Database> {
  const database = await stage.server.database()
  await migrate(database)
  const listener = await database.connect()
  await listener.query('listen outbox')
  await prepare(database)
  return database
}

/** In a database of its own: what is delivered there leaves nothing for the other contestants. */
async function measureBesideRelay(stage: Stage, note: Note): Promise<void> {
  const receiver = new Receiver()
  const [url = ''] = await receiver.urls(1)
  const database = await stage.server.database()
  await migrate(database)
  const process = relay(database)
  try {
    const first = receiver.arrived('first', AbortSignal.timeout(10_000))
    await database.client.query(insertInto(url))
    await first
    await measureSlow(stage, database, note, insertInto(url))
  } finally {
    await process.stop()
    await database.drop()
    await receiver.stop()
  }
}

async function measureSlow(stage: Stage, database: Database, note: Note, insert = INSERT): Promise<void> {
  const seconds = Math.max(2, SECONDS * stage.scale)
  const { rate } = await insertWith(database, { ...SLOW, seconds, insert })
  note(`${SLOW.clients} clients, ${SLOW.flushMs} ms a commit`, rate, 'rows/s')
}

/** What the clients do. */
type Pressure = Omit<InserterTask, 'databaseUrl'>

async function measure(database: Database, pressure: Pressure, note: Note): Promise<void> {
  const { clients } = pressure
  await database.client.query('truncate outbox.callback')
  await database.client.query('checkpoint')
  const { rate, cpuShare } = await insertWith(database, pressure)
  note(`${clients} ${clients === 1 ? 'client' : 'clients'}`, rate, 'rows/s')
  if (cpuShare > 0.9) throw new Error(`An inserting process was busy for ${cpuShare} of the time: it is the limit`)
}

async function insertWith({ url: databaseUrl }: Database, pressure: Pressure) {
  const { clients, seconds } = pressure
  const processes = Math.min(PROCESSES, clients)
  const task: InserterTask = { ...pressure, databaseUrl, clients: clients / processes }
  const inserters = Array.from({ length: processes }, () =>
    Process.node('inserter.ts', [JSON.stringify(task)], { ipc: true }),
  )
  await Promise.all(inserters.map(inserter => inserter.message()))
  for (const inserter of inserters) inserter.send('begin')
  const results = await Promise.all(inserters.map(inserter => inserter.message<InserterResult>()))
  await Promise.all(inserters.map(inserter => inserter.succeed()))
  return {
    rate: results.reduce((sum, { inserted }) => sum + inserted, 0) / seconds,
    cpuShare: Math.max(...results.map(result => result.cpuShare)),
  }
}
