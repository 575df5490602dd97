import { databaseOf } from './database.ts'
import { countHidden, type OpenTransaction, readServer, readTransactions, type ServerFacts } from './examine/server.ts'
import { readStorage, type StorageFacts } from './examine/storage.ts'
import { checkSchema } from './installed.ts'
import type { Session, Statement } from './session.ts'
import { countUnowned, type Hold, type Relay, readHolds, readRelays } from './status.ts'

/** All that `doctor` judges by. null: this role may not look, and `unseen` says why. */
export interface Facts {
  readonly connection: ConnectionFacts
  readonly server: ServerFacts | null
  readonly transactions: readonly OpenTransaction[] | null
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
}

export interface DeliveryFacts {
  readonly relays: readonly Relay[]
  readonly holds: readonly Hold[]
  /** Of 64. */
  readonly lanesWithoutOwner: number
  readonly dead: number
  /** For how long the callback that has waited longest could have been sent, its key and its receiver permitting; null: none waits. */
  readonly overdueSeconds: number | null
}

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

/**
 * Reads and changes nothing. What this role may not see is left out and named; each part is read behind a savepoint, since
 * a refused statement would end the transaction.
 *
 * @throws SchemaError when the schema is missing, too old or too new.
 */
export async function readFacts(session: Session): Promise<Facts> {
  const connection = await readConnection(session)
  await session.run('begin read only; set local search_path = pg_catalog, pg_temp')
  const unseen: string[] = []
  const look = <T>(what: string, read: () => Promise<T>) => ifAllowed(session, what, read, unseen)
  await look('the version of the schema', () => checkSchema(session, session.schema))
  const facts: Facts = {
    connection,
    server: await look('the server', () => readServer(session)),
    transactions: await look('open transactions', () => readTransactions(session)),
    storage: await look('the tables', () => readStorage(session)),
    delivery: await look('callbacks and relays', () => readDelivery(session)),
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
  return { announcedPid: session.pid, answeringPids }
}

async function ifAllowed<T>(session: Session, what: string, read: () => Promise<T>, unseen: string[]) {
  await session.run('savepoint look')
  try {
    return await read()
  } catch (error) {
    if ((error as { code?: unknown }).code !== '42501') throw error
    await session.run('rollback to savepoint look')
    unseen.push(`${what}: ${(error as Error).message}`)
    return null
  }
}

async function readDelivery(session: Session): Promise<DeliveryFacts> {
  const db = databaseOf(session)
  const [waiting] = await session.rows<{ dead: number; overdue: number | null }>(waitingStatement)
  return {
    relays: await readRelays(db),
    holds: await readHolds(db),
    lanesWithoutOwner: await countUnowned(db),
    dead: waiting?.dead ?? 0,
    overdueSeconds: waiting?.overdue ?? null,
  }
}
