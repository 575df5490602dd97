import { setTimeout as sleep } from 'node:timers/promises'
import { migrate, relay } from '../contestants/ringback.ts'
import { Meter } from '../meter.ts'
import type { Process } from '../processes.ts'
import { Receiver } from '../receiving.ts'
import type { Database } from '../server.ts'
import { serving } from '../serving.ts'
import type { Note, Stage } from '../stage.ts'
import { residentMb } from '../usage.ts'

const DATABASES = 20
const SECONDS = 30
/** After the relays serve: until the first sweeps, the janitor's first look and the compilers are through. */
const SETTLE_MS = 20_000

/** Many schedulers: twenty databases of one server with a relay each, which have nothing to do, or a callback a second. */
export async function fleetPart(stage: Stage): Promise<void> {
  await stage.interleave({ 'a relay': note => measure(stage, note) }, 1)
}

async function measure(stage: Stage, note: Note): Promise<void> {
  const receiver = new Receiver()
  const [url = ''] = await receiver.urls(1)
  const databases: Database[] = []
  const relays: Process[] = []
  try {
    for (let n = 0; n < DATABASES; n++) {
      const database = await stage.server.database()
      databases.push(database)
      await migrate(database)
      relays.push(relay(database))
    }
    for (const database of databases) await serving(database, 1)
    await sleep(SETTLE_MS)
    const site: Site = { stage, databases, relays }
    await spend(site, 'idle', note, async () => {})
    await spend(site, 'a callback a second', note, async database => {
      await database.client.query(`insert into outbox.callback (url, form) values ($1, '{"n": 1}')`, [url])
    })
    note('memory', average(relays.map(({ pid }) => residentMb(pid) ?? Number.NaN)), 'MB')
    note('connections', await connections(databases), 'open')
  } finally {
    await Promise.all(relays.map(process => process.stop()))
    for (const database of databases) await database.drop()
    await receiver.stop()
  }
}

interface Site {
  readonly stage: Stage
  readonly databases: readonly Database[]
  readonly relays: readonly Process[]
}

/** Notes what a relay and PostgreSQL take in a second, in parts of a core, while each database gets this each second. */
async function spend(
  { stage, databases, relays }: Site,
  when: string,
  note: Note,
  each: (to: Database) => Promise<void>,
) {
  const [first] = databases
  if (!first) throw new Error('There is no database')
  const meter = new Meter(
    stage.server,
    first,
    relays.map(({ pid }) => pid),
  )
  await meter.start()
  for (let second = 0; second < SECONDS; second++) {
    const began = performance.now()
    await Promise.all(databases.map(each))
    await sleep(Math.max(1, began + 1_000 - performance.now()))
  }
  const { relayCpuUs, postgresCpuUs } = (await meter.stop())(SECONDS * databases.length)
  note(`relay CPU, ${when}`, share(relayCpuUs), '% of a core')
  note(`PostgreSQL CPU, ${when}`, share(postgresCpuUs), '% of a core')
}

/** Of a second. */
function share(us: number | undefined): number | undefined {
  return us && us / 10_000
}

/** Of one relay. */
async function connections(databases: readonly Database[]): Promise<number> {
  const { rows } = (await databases[0]?.client.query<{ count: number }>(
    `select count(*)::float8 as count from pg_stat_activity where application_name like 'ringback%'`,
  )) ?? { rows: [] }
  return (rows[0]?.count ?? Number.NaN) / databases.length
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
