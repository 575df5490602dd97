import { migrate } from '../contestants/ringback.ts'
import type { InserterResult, InserterTask } from '../inserter.ts'
import { Process } from '../processes.ts'
import type { Database } from '../server.ts'
import type { Note, Round, Stage } from '../stage.ts'

const CLIENTS = [1, 16, 64]
const SECONDS = 5
/** Two, so that many clients are not held up by one event loop. */
const PROCESSES = 2

const INSERT = `insert into outbox.callback (url, form, ordering_key)
  values ('https://crm.example/callbacks', '{"flowId": 7, "flowExecutionId": 31, "code": 2}', 'execution 31')`

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
 * meanwhile, since it would take the CPU: whether one is awake is only a matter of the lock.
 */
export async function producerPart(stage: Stage): Promise<void> {
  const databases: Database[] = []
  try {
    for (const prepare of Object.values(CONTESTANTS)) databases.push(await prepared(stage, prepare))
    for (const clients of CLIENTS) {
      const round = (at: number): Round => {
        return note =>
          measure(databases[at] as Database, { clients, seconds: Math.max(1, SECONDS * stage.scale) }, note)
      }
      await stage.interleave(Object.fromEntries(Object.keys(CONTESTANTS).map((name, at) => [name, round(at)])), 5)
    }
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

interface Pressure {
  readonly clients: number
  readonly seconds: number
}

async function measure(database: Database, { clients, seconds }: Pressure, note: Note): Promise<void> {
  await database.client.query('truncate outbox.callback')
  await database.client.query('checkpoint')
  const { rate, cpuShare } = await insertWith(clients, database, seconds)
  note(`${clients} ${clients === 1 ? 'client' : 'clients'}`, rate, 'rows/s')
  if (cpuShare > 0.9) throw new Error(`An inserting process was busy for ${cpuShare} of the time: it is the limit`)
}

async function insertWith(clients: number, { url: databaseUrl }: Database, seconds: number) {
  const processes = Math.min(PROCESSES, clients)
  const task: InserterTask = { databaseUrl, insert: INSERT, clients: clients / processes, seconds }
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
