import { type RawBuilder, sql } from 'kysely'
import type { Database } from './database.ts'

/** The state of callbacks, holds, relays and retention. Seconds are by the database's clock. */
export interface Status {
  readonly callbacks: Counts
  readonly holds: readonly Hold[]
  readonly relays: readonly RelayStatus[]
  /** null: no relay has begun to delete history yet. */
  readonly janitor: JanitorStatus | null
}

export interface Counts {
  /** Could start now, if their key and their receiver allow. */
  readonly due: number
  /** Delayed by the producer, or waiting for a retry. */
  readonly later: number
  readonly claimed: number
  readonly dead: number
  /** Since the oldest pending callback was written; null: none is pending. */
  readonly oldestWaitingSeconds: number | null
  /** Since the oldest due callback was written; null: none is due. */
  readonly oldestDueSeconds: number | null
  /** Until the next callback is due, of those that are not; null: there is none. */
  readonly nextDueSeconds: number | null
}

export interface Hold {
  readonly urlPrefix: string
  /** Only this URL is held, not those below it. */
  readonly exact: boolean
  readonly reason: string
  readonly heldBy: string
  readonly heldSeconds: number
}

export interface RelayStatus {
  readonly name: string
  readonly host: string
  readonly pid: number
  readonly version: string
  /** It takes its share of the origins. */
  readonly serving: boolean
  /** Origins of which it has callbacks in memory, or knows of some in the table. */
  readonly origins: number
  /** Why it does not serve; null: it serves, or is leaving. */
  readonly standby: string | null
  /** `--force-settings`. */
  readonly forces: boolean
  /** It was given other settings, and will use them once most relays want the same. */
  readonly changes: boolean
  /** Names of the options that differ from those of the serving relays. */
  readonly differing: readonly string[]
  readonly leaseSeconds: number
  /** For people: above `leaseSeconds` the relay is most likely dead. */
  readonly renewedSecondsAgo: number
}

/** The newest retention run. */
export interface JanitorStatus {
  readonly relay: string
  readonly deleted: number
  readonly startedSecondsAgo: number
  /** null: it is running. */
  readonly endedSecondsAgo: number | null
  /** Time that its statements took. */
  readonly busySeconds: number
  /** Why it failed; null: it has not. */
  readonly error: string | null
  /**
   * Since the start of the newest run that completed: everything too old at that time is deleted. null: none has
   * completed.
   */
  readonly doneSecondsAgo: number | null
}

export async function readStatus(db: Database): Promise<Status> {
  return {
    callbacks: await readCounts(db),
    holds: await listHolds(db),
    relays: await readRelays(db),
    janitor: (await readJanitor(db)) ?? null,
  }
}

const isDue = sql`status = 'pending' and coalesce(greatest(due_at, created_at) <= now(), true)`
const isLater = sql`status = 'pending' and greatest(due_at, created_at) > now() and due_at is not null`

/** Reads the two indexes of unsettled rows and that of the dead. A count by status would read all of history. */
async function readCounts(db: Database): Promise<Counts> {
  const columns = ['status', 'due_at', 'created_at'] as const
  const unsettled = await db
    .with('unsettled', cte =>
      cte
        .selectFrom('callback')
        .select(columns)
        .where('settled_at', 'is', null)
        .where('due_at', 'is', null)
        .unionAll(cte.selectFrom('callback').select(columns).where('due_at', 'is not', null)),
    )
    .selectFrom('unsettled')
    .select([
      countWhere(isDue).as('due'),
      countWhere(isLater).as('later'),
      countWhere(sql`status = 'claimed'`).as('claimed'),
      secondsSince<number | null>(sql`min(created_at) filter (where status = 'pending')`).as('oldestWaitingSeconds'),
      secondsSince<number | null>(sql`min(created_at) filter (where ${isDue})`).as('oldestDueSeconds'),
      sql<number | null>`extract(epoch from min(due_at) filter (where ${isLater}) - now())::float8`.as(
        'nextDueSeconds',
      ),
    ])
    .executeTakeFirstOrThrow()
  const { dead } = await db
    .selectFrom('callback')
    .select(countWhere(sql`true`).as('dead'))
    .where('dead_at', 'is not', null)
    .executeTakeFirstOrThrow()
  return { ...unsettled, dead }
}

export function listHolds(db: Database): Promise<Hold[]> {
  return db
    .selectFrom('hold')
    .select([
      'url_prefix as urlPrefix',
      'exact',
      'reason',
      'held_by as heldBy',
      secondsSince(sql.ref('held_at')).as('heldSeconds'),
    ])
    .orderBy('held_at')
    .execute()
}

export async function readRelays(db: Database): Promise<RelayStatus[]> {
  const relays = await db
    .selectFrom('relay')
    .innerJoin('pulse', 'pulse.epoch', 'relay.epoch')
    .select([
      'relay.name',
      'relay.host',
      'relay.pid',
      'relay.version',
      'pulse.serving',
      'pulse.origins',
      'pulse.standby',
      'pulse.forces',
    ])
    .select([
      sql<number>`extract(epoch from relay.lease)::float8`.as('leaseSeconds'),
      secondsSince(sql.ref('pulse.renewed_at')).as('renewedSecondsAgo'),
      sql<boolean>`coalesce(pulse.wanted <> pulse.digest, false)`.as('changes'),
      sql<Settings>`pulse.settings`.as('settings'),
    ])
    .orderBy('relay.name')
    .orderBy('pulse.started_at')
    .execute()
  const holding = relays.find(({ serving, standby }) => serving && standby === null)?.settings
  return relays.map(({ settings, ...relay }) => ({ ...relay, differing: holding ? differing(settings, holding) : [] }))
}

/** The settings that relays must agree on, by name of the option. */
type Settings = Readonly<Record<string, unknown>>

function differing(settings: Settings, others: Settings): string[] {
  const names = Object.keys({ ...settings, ...others })
  return names.filter(name => JSON.stringify(settings[name]) !== JSON.stringify(others[name]))
}

/** @returns undefined: no run is in the table. */
export function readJanitor(db: Database): Promise<JanitorStatus | undefined> {
  return db
    .selectFrom('janitor_run')
    .select(eb => [
      'relay',
      'error',
      sql<number>`deleted::float8`.as('deleted'),
      secondsSince(sql.ref('started_at')).as('startedSecondsAgo'),
      secondsSince<number | null>(sql.ref('ended_at')).as('endedSecondsAgo'),
      sql<number>`extract(epoch from busy)::float8`.as('busySeconds'),
      eb
        .selectFrom('janitor_run as done')
        .where('done.ended_at', 'is not', null)
        .where('done.error', 'is', null)
        .select(secondsSince<number | null>(sql`max(done.started_at)`).as('seconds'))
        .as('doneSecondsAgo'),
    ])
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** As a double: pg returns int8 as text, and no table has 2^53 rows. */
function countWhere(condition: RawBuilder<unknown>): RawBuilder<number> {
  return sql<number>`(count(*) filter (where ${condition}))::float8`
}

function secondsSince<T = number>(time: RawBuilder<unknown>): RawBuilder<T> {
  return sql<T>`extract(epoch from now() - ${time})::float8`
}
