/**
 * Producers of a bench in a process of their own: single-row transactions at a steady rate, whatever the database makes of
 * them. Argument: WriterTask in JSON. Sends one message when done: Float64Array of n, when COMMIT was sent, when its reply
 * came, and so on in threes, in microseconds.
 */
import pg from 'pg'
import { nowUs } from './clock.ts'

export interface WriterTask {
  readonly databaseUrl: string
  /** One statement with $1 = n. */
  readonly insert: string
  /** Transactions a second. */
  readonly rate: number
  readonly count: number
  /** The first n. */
  readonly from: number
}

const CLIENTS = 16
const task = JSON.parse(process.argv[2] ?? '') as WriterTask
const idle: pg.Client[] = []
const times = new Float64Array(task.count * 3)
let started = 0
let finished = 0

for (let n = 0; n < Math.min(CLIENTS, task.count); n++) {
  const client = new pg.Client({ connectionString: task.databaseUrl, application_name: 'producer' })
  await client.connect()
  idle.push(client)
}
const all = [...idle]
const startedAtUs = nowUs()
startDue()

/** A transaction whose time has come and that finds no idle client waits for one: its figure begins at its commit anyway. */
function startDue(): void {
  const due = Math.min(task.count, 1 + Math.floor(((nowUs() - startedAtUs) * task.rate) / 1e6))
  while (started < due && idle.length > 0) void transact(started++, idle.pop() as pg.Client)
  if (started < task.count) setTimeout(startDue, 1)
}

async function transact(at: number, client: pg.Client): Promise<void> {
  const n = task.from + at
  await client.query('begin')
  await client.query({ name: 'insert', text: task.insert, values: [n] })
  const sentAtUs = nowUs()
  await client.query('commit')
  times.set([n, sentAtUs, nowUs()], at * 3)
  idle.push(client)
  finished++
  if (finished === task.count) await finish()
}

async function finish(): Promise<void> {
  await Promise.all(all.map(client => client.end()))
  // Disconnecting before it is through would cut it off.
  process.send?.(times, () => process.disconnect())
}
