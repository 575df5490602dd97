import { databaseOf } from './database.ts'
import {
  countHidden,
  type OpenTransaction,
  readServer,
  readTableLocks,
  readTransactions,
  type ServerFacts,
  type TableLock,
} from './examine/server.ts'
import { readStall, type Stall } from './examine/stall.ts'
import { readStorage, type StorageFacts } from './examine/storage.ts'
import { checkSchema } from './installed.ts'
import type { Session, Statement } from './session.ts'
import { commandSettings, settle } from './settings.ts'
import { countUnowned, type Hold, type Relay, readHolds, readRelays } from './status.ts'

/** All that `doctor` judges by. null: this role may not look, and `unseen` says why. */
export interface Facts {
  readonly connection: ConnectionFacts
  readonly server: ServerFacts | null
  readonly transactions: readonly OpenTransaction[] | null
  readonly locks: readonly TableLock[] | null
  readonly storage: StorageFacts | null
  readonly delivery: DeliveryFacts | null
  /** What could not be looked at, and why; a sentence each. */
  readonly unseen: readonly string[]
}

export interface ConnectionFacts {
  /** Process id that was named when the connection was made; undefined: none was. */
  readonly announcedPid: number | undefined
  /** Process ids that answered in transactions of their own, one after another. */
  readonly answeringPids: readonly number[]
  /** How far the clock of this machine is ahead of the database's, at least; negative: behind it. */
  readonly clockAheadSeconds: number
}

export interface DeliveryFacts {
  readonly relays: readonly Relay[]
  readonly holds: readonly Hold[]
  /** Of 64. */
  readonly lanesWithoutOwner: number
  readonly dead: number
  /** For how long the callback that has waited longest could have been sent, its key and its receiver permitting; null: none waits. */
  readonly overdueSeconds: number | null
  /** null: relays send what can be sent, or none lives. */
  readonly stall: Stall | null
}

/** How long `doctor` watches callbacks that are due, and of which none is sent, in milliseconds. */
const watchMs = 10_000

const pidStatement: Statement = { name: 'ringback_pid', text: 'select pg_backend_pid() as pid' }

/** The first entry of each index of what is not settled; parked rows are overdue by nobody's fault but their receiver's. */
const waitingStatement: Statement = {
  name: 'ringback_waiting',
  text: `
    select (select count(*) from outbox.callback where dead_at is not null)::float8 as dead,
           extract(epoch from now() - least(
             (select created_at from outbox.callback
               where settled_at is null and due_at is null and status = 'pending' order by id limit 1),
             (select due_at from outbox.callback
               where due_at is not null and due_at <= now() and status = 'pending' order by due_at, id limit 1)))::float8 as overdue`,
}

const clockStatement: Statement = {
  name: 'ringback_clock',
  text: 'select extract(epoch from clock_timestamp())::float8 as seconds',
}

/**
 * Reads and changes nothing. What this role may not see is left out and named, and so is what somebody else has locked; each
 * part is read behind a savepoint, since a refused statement would end the transaction.
 *
 * @param options.watchMs see `watchMs`; a test has less time.
 * @throws SchemaError when the schema is missing, too old or too new.
 */
export async function readFacts(session: Session, options: { readonly watchMs?: number } = {}): Promise<Facts> {
  const connection = await readConnection(session)
  await session.run('begin isolation level read committed read only')
  await settle(session, { ...commandSettings(20_000), lock_timeout: '2s' }, 'transaction')
  const unseen: string[] = []
  const look = <T>(what: string, read: () => Promise<T>) => ifAllowed(session, what, read, unseen)
  await look('the version of the schema', () => checkSchema(session, session.schema))
  const facts: Facts = {
    connection,
    server: await look('the server', () => readServer(session)),
    transactions: await look('open transactions', () => readTransactions(session)),
    locks: await look('locks', () => readTableLocks(session)),
    storage: await look('the tables', () => readStorage(session)),
    delivery: await look('callbacks and relays', () => readDelivery(session, options.watchMs ?? watchMs)),
    unseen,
  }
  const hidden = await countHidden(session)
  if (hidden > 0) {
    unseen.push(`the transactions of ${hidden} sessions of other roles: it takes the role pg_read_all_stats`)
  }
  await session.run('commit')
  return facts
}

/** Each statement outside a transaction is one of its own, for which a pooler may choose a session anew. */
async function readConnection(session: Session): Promise<ConnectionFacts> {
  const answeringPids: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const [row] = await session.rows<{ pid: number }>(pidStatement)
    if (row) answeringPids.push(row.pid)
  }
  return { announcedPid: session.announcedPid, answeringPids, clockAheadSeconds: await compareClocks(session) }
}

/** The database's clock was read somewhere between two readings of ours: what lies between them is in its favour. */
async function compareClocks(session: Session): Promise<number> {
  const before = Date.now() / 1_000
  const [row] = await session.rows<{ seconds: number }>(clockStatement)
  const after = Date.now() / 1_000
  if (!row) throw new Error('a statement without a table must return a row')
  return Math.max(0, before - row.seconds) + Math.min(0, after - row.seconds)
}

async function ifAllowed<T>(session: Session, what: string, read: () => Promise<T>, unseen: string[]) {
  await session.run('savepoint look')
  try {
    return await read()
  } catch (error) {
    if (!['42501', '55P03', '57014'].includes(String((error as { code?: unknown }).code))) throw error
    await session.run('rollback to savepoint look')
    unseen.push(`${what}: ${(error as Error).message}`)
    return null
  }
}

async function readDelivery(session: Session, watchMs: number): Promise<DeliveryFacts> {
  const db = databaseOf(session)
  const [waiting] = await session.rows<{ dead: number; overdue: number | null }>(waitingStatement)
  const relays = await readRelays(db)
  const isServed = relays.some(each => each.renewedSecondsAgo <= each.leaseSeconds)
  return {
    relays,
    holds: await readHolds(db),
    lanesWithoutOwner: await countUnowned(db),
    dead: waiting?.dead ?? 0,
    overdueSeconds: waiting?.overdue ?? null,
    stall: isServed ? await readStall(session, watchMs) : null,
  }
}
