import { setTimeout as sleep } from 'node:timers/promises'
import { insert, migrate, relay, ringback } from '../contestants/ringback.ts'
import { Receiver } from '../receiving.ts'
import { type Database, settle } from '../server.ts'
import type { Note, Stage } from '../stage.ts'
import { residentMb, sockets } from '../usage.ts'

/** Listening sockets of one receiver process: some systems allow no more than 20,000 files. */
const ORIGINS_A_RECEIVER = 10_000
/** Longer than the relay keeps an idle connection. */
const IDLE_MS = 15_000
const DELIVER_WITHIN_MS = 600_000

/**
 * 100,000 origins, one callback each, then none: the relay's sockets and memory go back to what they were after the first
 * 10,000. Each origin is an address of its own in 127.0.0.0/8, so only Linux will do.
 */
export async function originsPart(stage: Stage): Promise<void> {
  await stage.interleave({ ringback: note => measure(stage, note) }, 1)
}

async function measure(stage: Stage, note: Note): Promise<void> {
  const receivers: Receiver[] = []
  const database = await stage.server.database()
  try {
    await migrate(database)
    const first = await loadFor(stage.rows(10_000), { database, receivers })
    const process = relay(database)
    try {
      await delivered(database)
      const before = await idle(process.pid)
      await loadFor(stage.rows(100_000), { database, receivers, from: first })
      const startedAt = performance.now()
      await delivered(database)
      note('rate', (stage.rows(100_000) * 1_000) / (performance.now() - startedAt), 'callbacks/s')
      const after = await idle(process.pid)
      note('sockets before', before.sockets, 'open')
      note('sockets after', after.sockets, 'open')
      note('memory before', before.mb, 'MB')
      note('memory after', after.mb, 'MB')
    } finally {
      await process.stop()
    }
  } finally {
    await Promise.all(receivers.map(receiver => receiver.stop()))
    await database.drop()
  }
}

interface Loading {
  readonly database: Database
  readonly receivers: Receiver[]
  /** Which origins are taken already. */
  readonly from?: number
}

/** Listens at so many new origins and inserts a row for each, in one transaction. @returns how many there are in all. */
async function loadFor(origins: number, { database, receivers, from = 0 }: Loading): Promise<number> {
  await database.client.query('begin')
  for (let start = from; start < from + origins; start += ORIGINS_A_RECEIVER) {
    const count = Math.min(ORIGINS_A_RECEIVER, from + origins - start)
    const receiver = new Receiver()
    receivers.push(receiver)
    const urls = await receiver.listen(Array.from({ length: count }, (_, at) => address(start + at)))
    await insert(database, { rows: count, keys: 'none', urls })
  }
  await database.client.query('commit')
  if (from === 0) await settle(database.client)
  return from + origins
}

/** 127.1.0.1 and on; no address ends in 0 or 255. */
function address(n: number): string {
  const [low, middle] = [n % 254, Math.floor(n / 254)]
  return `127.${1 + Math.floor(middle / 256)}.${middle % 256}.${1 + low}`
}

async function delivered({ client }: Database): Promise<void> {
  for (const end = performance.now() + DELIVER_WITHIN_MS; performance.now() < end; await sleep(50)) {
    const { rows } = await client.query<{ done: boolean }>(ringback().done ?? '')
    if (rows[0]?.done) return
  }
  throw new Error(`Not all origins were reached within ${DELIVER_WITHIN_MS} ms`)
}

async function idle(pid: number): Promise<{ sockets: number | undefined; mb: number | undefined }> {
  await sleep(IDLE_MS)
  return { sockets: sockets(pid), mb: residentMb(pid) }
}
