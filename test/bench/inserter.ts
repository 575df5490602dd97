/**
 * Producers that do nothing but insert, for the part `producer`: as many clients as told, each one transaction of one row
 * after another. Argument: InserterTask in JSON. Waits for a message to begin; sends InserterResult at the end.
 */
import { once } from 'node:events'
import pg from 'pg'

export interface InserterTask {
  readonly databaseUrl: string
  /** One statement without parameters: a transaction by itself. */
  readonly insert: string
  readonly clients: number
  readonly seconds: number
  /** Makes each flush of these clients' commits so many milliseconds longer, as on a slow disk. Only a superuser can. Default 0. */
  readonly flushMs?: number
}

export interface InserterResult {
  readonly inserted: number
  /** Of this process, as a share of one core: near 1 the process is the limit, and not what it measures. */
  readonly cpuShare: number
}

const task = JSON.parse(process.argv[2] ?? '') as InserterTask
const clients = await Promise.all(Array.from({ length: task.clients }, connect))
process.send?.('ready')
await once(process, 'message')

const startedAt = performance.now()
const cpuBefore = process.cpuUsage()
const counts = await Promise.all(clients.map(insertUntil(startedAt + task.seconds * 1_000)))
const cpu = process.cpuUsage(cpuBefore)
const result: InserterResult = {
  inserted: counts.reduce((sum, count) => sum + count, 0),
  cpuShare: (cpu.user + cpu.system) / 1e3 / (performance.now() - startedAt),
}
await Promise.all(clients.map(client => client.end()))
process.send?.(result, () => process.disconnect())

async function connect(): Promise<pg.Client> {
  const options = task.flushMs ? `-c commit_delay=${task.flushMs * 1_000} -c commit_siblings=0` : ''
  const client = new pg.Client({ connectionString: task.databaseUrl, application_name: 'producer', options })
  await client.connect()
  await client.query({ name: 'insert', text: task.insert })
  return client
}

function insertUntil(end: number): (client: pg.Client) => Promise<number> {
  return async client => {
    let count = 0
    for (; performance.now() < end; count++) await client.query({ name: 'insert', text: task.insert })
    return count
  }
}
