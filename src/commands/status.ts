import { connectionOf, type StatusConfig } from '../config.ts'
import type { Values } from '../options.ts'
import { checkSchema } from '../outbox/installed.ts'
import { Session, type Statement } from '../outbox/session.ts'

/** Field names are those of `status --json`. Seconds are of the database's clock. */
interface Status {
  readonly schema: string
  readonly callbacks: Counts
  readonly holds: readonly Hold[]
  readonly relays: readonly Relay[]
  /** Of 64: no relay owns these, so their callbacks wait. */
  readonly lanesWithoutOwner: number
}

interface Counts {
  /** Could start now, if their key and their receiver allow. */
  readonly due: number
  /** Delayed by the producer, or waiting for a retry. */
  readonly later: number
  /** Set aside by the relay until their key or receiver can go on. */
  readonly parked: number
  readonly claimed: number
  readonly dead: number
  /** null: nothing waits. */
  readonly oldestWaitingSeconds: number | null
}

interface Hold {
  readonly urlPrefix: string
  readonly reason: string
  readonly heldBy: string
  readonly heldSeconds: number
}

interface Relay {
  readonly name: string
  readonly host: string
  readonly pid: number
  readonly version: string
  readonly lanes: number
  readonly leaseSeconds: number
  /** For people; above `leaseSeconds` the relay is most likely dead. */
  readonly renewedSecondsAgo: number
}

/** Reads the three indexes of what is not settled and the one of the dead; a count by status would read all of history. */
const countsStatement: Statement = {
  name: 'ringback_status_counts',
  text: `
    with unsettled as (
      select status, due_at, created_at from outbox.callback where settled_at is null and due_at is null
      union all
      select status, due_at, created_at from outbox.callback where due_at is not null
    )
    select (count(*) filter (where status = 'pending' and coalesce(due_at <= now(), true)))::float8 as due,
           (count(*) filter (where status = 'pending' and due_at > now() and due_at <> 'infinity'))::float8 as later,
           (count(*) filter (where status = 'pending' and due_at = 'infinity'))::float8 as parked,
           (count(*) filter (where status = 'claimed'))::float8 as claimed,
           (select count(*) from outbox.callback where dead_at is not null)::float8 as dead,
           extract(epoch from now() - min(created_at) filter (where status = 'pending'))::float8 as "oldestWaitingSeconds"
      from unsettled`,
}

const holdsStatement: Statement = {
  name: 'ringback_status_holds',
  text: `
    select url_prefix as "urlPrefix", reason, held_by as "heldBy", extract(epoch from now() - held_at)::float8 as "heldSeconds"
      from outbox.hold order by held_at`,
}

const relaysStatement: Statement = {
  name: 'ringback_status_relays',
  text: `
    select r.name, r.host, r.pid, r.version, extract(epoch from r.lease)::float8 as "leaseSeconds",
           extract(epoch from now() - r.renewed_at)::float8 as "renewedSecondsAgo",
           (select count(*) from outbox.lane l where l.owner = r.name)::int as lanes
      from outbox.relay r order by r.name`,
}

const unownedStatement: Statement = {
  name: 'ringback_status_unowned',
  text: 'select count(*)::int as lanes from outbox.lane where owner is null',
}

/** `ringback status`: what waits, what is on hold, what is dead, who delivers. */
export async function status(config: StatusConfig): Promise<number> {
  const found = await inDatabase(config, 'status', session => readStatus(session, config.schema))
  process.stdout.write(config.json ? `${JSON.stringify(found)}\n` : written(found))
  return 0
}

/**
 * Runs `use` in a session of its own, on a schema that was found to fit this binary.
 *
 * @throws SchemaError, StandbyError, or what pg throws when it cannot connect.
 */
export async function inDatabase<T>(
  config: Pick<Values, 'databaseUrl' | 'schema'>,
  command: string,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.open({
    connection: connectionOf(config),
    schema: config.schema,
    applicationName: `ringback ${command}`,
    // A replay of millions of rows is one statement.
    timeoutMs: 3_600_000,
    prepared: false,
  })
  try {
    await checkSchema(session, config.schema)
    return await use(session)
  } finally {
    await session.close()
  }
}

async function readStatus(session: Session, schema: string): Promise<Status> {
  const [callbacks] = await session.rows<Counts>(countsStatement)
  const holds = await session.rows<Hold>(holdsStatement)
  const relays = await session.rows<Relay>(relaysStatement)
  const [unowned] = await session.rows<{ lanes: number }>(unownedStatement)
  if (!callbacks || !unowned) throw new Error('an aggregate without GROUP BY returned no row')
  return { schema, callbacks, holds, relays, lanesWithoutOwner: unowned.lanes }
}

function written({ schema, callbacks, holds, relays, lanesWithoutOwner }: Status): string {
  const { due, later, parked, claimed, dead, oldestWaitingSeconds } = callbacks
  const oldest = oldestWaitingSeconds === null ? '' : `; the oldest was written ${seconds(oldestWaitingSeconds)} ago`
  return [
    `schema ${schema}`,
    `waiting: ${due} due, ${later} later, ${parked} parked${oldest}`,
    `being sent: ${claimed}`,
    `dead: ${dead}`,
    ...holds.map(h => `on hold: ${h.urlPrefix} since ${seconds(h.heldSeconds)}, by ${h.heldBy}: ${h.reason}`),
    ...relays.map(relayLine),
    lanesWithoutOwner === 0 ? '' : `${lanesWithoutOwner} of 64 lanes have no owner: their callbacks wait for a relay`,
  ]
    .filter(line => line !== '')
    .map(line => `${line}\n`)
    .join('')
}

function relayLine({ name, host, pid, version, lanes, leaseSeconds, renewedSecondsAgo }: Relay): string {
  const late = renewedSecondsAgo > leaseSeconds ? `, though its lease is ${seconds(leaseSeconds)}: is it running?` : ''
  return `relay ${name}: ${lanes} of 64 lanes, renewed ${seconds(renewedSecondsAgo)} ago${late} (pid ${pid} on ${host}, version ${version})`
}

function seconds(count: number): string {
  return `${Math.round(count)} s`
}
