import type { ColumnType, Generated, GeneratedAlways } from 'kysely'
import type { CallbackStatus, OutcomeKind } from '../model.ts'

/** The acts of operators. */
export type ActName = 'replay' | 'retry' | 'cancel' | 'amend' | 'hold' | 'release' | 'purge'

/** Written by the database, or by statements of the busy path, which do not use Kysely. */
type ReadOnly<T> = ColumnType<T, never, never>

/** The tables as Kysely sees them. sql/schema.sql says what each column means. int8 arrives as a string. */
export interface Tables {
  /** Writable here is what producers (INSERT) and operators (UPDATE) may write. */
  callback: {
    id: GeneratedAlways<string>
    created_at: ReadOnly<Date>
    due_at: ColumnType<Date | null, string | null | undefined, string | null>
    expires_at: ColumnType<Date | null, string | null | undefined, string | null>
    claimed_at: ReadOnly<Date | null>
    settled_at: ReadOnly<Date | null>
    dead_at: ReadOnly<Date | null>
    claimed_epoch: ReadOnly<string | null>
    rev: ReadOnly<string>
    last_started_at: ReadOnly<Date | null>
    last_finished_at: ReadOnly<Date | null>
    last_epoch: ReadOnly<string | null>
    attempts: ReadOnly<number>
    budget_from: ReadOnly<number>
    max_attempts: number | null
    last_http_status: ReadOnly<number | null>
    message_id: ReadOnly<string>
    status: ColumnType<CallbackStatus, never, 'pending' | 'cancelled'>
    ordering_key: ColumnType<string | null, string | null | undefined, never>
    dedupe_key: ColumnType<string | null, string | null | undefined, never>
    supersede_key: ColumnType<string | null, string | null | undefined, never>
    traceparent: ColumnType<string | null, string | null | undefined, never>
    url: string
    origin: GeneratedAlways<string>
    /** pg parses json, which rounds long numbers and reorders fields. To read it as written, select `form::text`. */
    form: ColumnType<unknown, string | undefined, string>
    last_error: ReadOnly<string | null>
    last_outcome: ReadOnly<OutcomeKind | null>
    last_attempt_error: ReadOnly<string | null>
    last_excerpt: ReadOnly<string | null>
    last_relay: ReadOnly<string | null>
  }
  /** A view. */
  attempt: {
    callback_id: ReadOnly<string>
    message_id: ReadOnly<string>
    epoch: ReadOnly<string>
    attempt: ReadOnly<number>
    started_at: ReadOnly<Date>
    finished_at: ReadOnly<Date>
    outcome: ReadOnly<OutcomeKind>
    http_status: ReadOnly<number | null>
    error: ReadOnly<string | null>
    response_excerpt: ReadOnly<string | null>
    relay: ReadOnly<string>
  }
  relay: {
    epoch: ReadOnly<string>
    server: ReadOnly<Date>
    registered_at: ReadOnly<Date>
    lease: ReadOnly<unknown>
    pid: ReadOnly<number>
    node: ReadOnly<string>
    process: ReadOnly<string>
    name: ReadOnly<string>
    host: ReadOnly<string>
    kernel: ReadOnly<string>
    version: ReadOnly<string>
  }
  pulse: {
    epoch: ReadOnly<string>
    renewals: ReadOnly<string>
    renewed_at: ReadOnly<Date>
    started_at: ReadOnly<Date>
    origins: ReadOnly<number>
    serving: ReadOnly<boolean>
    forces: ReadOnly<boolean>
    digest: ReadOnly<string>
    wanted: ReadOnly<string | null>
    settings: ReadOnly<unknown>
    standby: ReadOnly<string | null>
  }
  salt: {
    salt: ReadOnly<Buffer>
  }
  janitor_run: {
    id: ReadOnly<string>
    started_at: ReadOnly<Date>
    ended_at: ReadOnly<Date | null>
    delivered_before: ReadOnly<Date | null>
    dead_before: ReadOnly<Date | null>
    /** -Infinity: the run has just begun. */
    reached_at: ReadOnly<Date | number>
    reached_id: ReadOnly<string>
    deleted: ReadOnly<string>
    keep_delivered: ReadOnly<unknown>
    keep_dead: ReadOnly<unknown>
    busy: ReadOnly<unknown>
    relay: ReadOnly<string>
    error: ReadOnly<string | null>
  }
  /** Rows are not changed, except that a purge updates `done`. */
  operation: {
    id: GeneratedAlways<string>
    acted_at: ReadOnly<Date>
    done: string
    left_alone: ColumnType<string, string, never>
    acted_by: ReadOnly<string>
    program: ReadOnly<string>
    act: ColumnType<ActName, ActName, never>
    condition: ColumnType<string, string, never>
  }
  hold: {
    id: GeneratedAlways<string>
    held_at: ReadOnly<Date>
    exact: Generated<boolean>
    url_prefix: string
    origin: GeneratedAlways<string>
    rest: GeneratedAlways<string>
    reason: string
    held_by: ReadOnly<string>
  }
}
