import type { Session, Statement } from './session.ts'
import type { ActName } from './tables.ts'

/** One retention run. */
export interface RetentionRun {
  readonly startedAt: Date
  /** null: it is running. */
  readonly endedAt: Date | null
  readonly deleted: number
  readonly relay: string
  /** Why it failed; null: it has not. */
  readonly error: string | null
}

/** A command of Ringback that is connected to the database. */
export interface ConnectedCommand {
  /** For example `ringback replay`. */
  readonly name: string
  readonly role: string
  readonly pid: number
  /** null: this role may not see it. */
  readonly connectedAt: Date | null
}

/** An act by the page or by a command. */
export interface RecordedAct {
  readonly actedAt: Date
  readonly actedBy: string
  /** For example `ringback ui`. */
  readonly program: string
  readonly act: ActName
  /** As SQL; only the beginning of a long one. */
  readonly condition: string
  readonly done: number
  readonly left: number
}

export interface Operations {
  /** Newest first. */
  readonly acts: readonly RecordedAct[]
  readonly runs: readonly RetentionRun[]
  readonly commands: readonly ConnectedCommand[]
}

const actsStatement: Statement = {
  name: 'ringback_screen_acts',
  text: schema => `
    select acted_at as "actedAt", acted_by as "actedBy", program, act, left(condition, 300) as condition, done::float8 as done, left_alone::float8 as left
      from ${schema}.operation order by id desc limit 50`,
}

/** Runs are kept for seven days. */
const runsStatement: Statement = {
  name: 'ringback_screen_runs',
  text: schema => `
    select started_at as "startedAt", ended_at as "endedAt", deleted::float8 as deleted, relay, error
      from ${schema}.janitor_run order by id desc limit 20`,
}

/** Only commands that change something. Relays have a screen of their own. */
const commandsStatement: Statement = {
  name: 'ringback_screen_commands',
  text: () => `
    select application_name as name, usename::text as role, pid, backend_start as "connectedAt"
      from pg_stat_activity
     where datname = current_database() and application_name ~ '^ringback (replay|cancel|hold|release|purge|migrate)$'
     order by application_name, pid limit 100`,
}

export async function readOperations(session: Session): Promise<Operations> {
  return {
    acts: await session.rows<RecordedAct>(actsStatement),
    runs: await session.rows<RetentionRun>(runsStatement),
    commands: await session.rows<ConnectedCommand>(commandsStatement),
  }
}
