/**
 * A writer: a process that speaks plain SQL to the database, as any scheduler would, and keeps a book of what it committed
 * and what it rolled back. Argument: WriterPlan in JSON. It says `ready` when it begins, ends at the message `stop` or when
 * its count is reached, and connects again for as long as it takes when the database goes away.
 */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { randomFrom } from '../fixtures/random.ts'
import { Journal } from './journal.ts'
import { type Traffic, Transaction } from './transaction.ts'

export interface WriterPlan extends Traffic {
  readonly databaseUrl: string
  /** Of its journal, made of `WrittenLine`. */
  readonly file: string
  readonly seed: number
  /** First part of the names of its rows. */
  readonly name: string
  /** Transactions at once. */
  readonly connections: number
  /** Rows a second, all connections together. */
  readonly rate: number
  /** Rows to commit; null: until it is stopped. */
  readonly count: number | null
}

const plan = JSON.parse(process.argv[2] ?? '') as WriterPlan
const journal = new Journal(plan.file)
const stopping = new AbortController()
let committed = 0
let named = 0

process.on('message', () => stopping.abort())
process.on('disconnect', () => process.exit())
const connections = Array.from({ length: plan.connections }, (_, n) => write(plan.seed + n))
process.send?.('ready')
await Promise.all(connections)
process.disconnect()

async function write(seed: number): Promise<void> {
  const random = randomFrom(seed)
  let client: pg.Client | undefined
  while (isOn()) {
    const startedAt = performance.now()
    try {
      client ??= await connected()
      const rows = await new Transaction({
        client,
        traffic: plan,
        random,
        nextName,
        note: lines => journal.write(...lines),
      }).run()
      committed += rows
      const shareMs = (Math.max(1, rows) * 1_000 * plan.connections) / plan.rate
      await pause(shareMs * (0.5 + random()) - (performance.now() - startedAt))
    } catch {
      client?.end().catch(() => {})
      client = undefined
      await pause(20 + 80 * random())
    }
  }
  await client?.end().catch(() => {})
}

function isOn(): boolean {
  return !stopping.signal.aborted && (plan.count === null || committed < plan.count)
}

function nextName(): string {
  named += 1
  return `${plan.name}-${named}`
}

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: plan.databaseUrl,
    application_name: 'writer',
    connectionTimeoutMillis: 3_000,
    query_timeout: 60_000,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal: stopping.signal }).catch(() => {})
}
