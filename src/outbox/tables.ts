import type { ColumnType, Generated, GeneratedAlways } from 'kysely'

/** Written by the database or by SQL statements beside Kysely, never by an INSERT of ours. */
type ReadOnly<T> = ColumnType<T, never, never>

export type CallbackStatus = 'pending' | 'claimed' | 'delivered' | 'dead' | 'cancelled'

/** The tables as Kysely sees them; what each column means stands in sql/schema.sql. int8 arrives as a string. */
export interface Tables {
  callback: {
    id: GeneratedAlways<string>
    message_id: ReadOnly<string>
    created_at: ReadOnly<Date>
    due_at: ColumnType<Date | number | null, string | null, never>
    expires_at: ColumnType<Date | null, string | null, string | null>
    claimed_at: ReadOnly<Date | null>
    settled_at: ReadOnly<Date | null>
    dead_at: ReadOnly<Date | null>
    attempts: ReadOnly<number>
    budget_from: ReadOnly<number>
    max_attempts: number | null
    last_http_status: ReadOnly<number | null>
    last_error: ReadOnly<string | null>
    lane: GeneratedAlways<number>
    status: Generated<CallbackStatus>
    ordering_key: string | null
    dedupe_key: string | null
    traceparent: string | null
    url: string
    origin: GeneratedAlways<string>
    form: string
  }
  attempt: {
    callback_id: ReadOnly<string>
    epoch: ReadOnly<string>
    attempt: ReadOnly<number>
    started_at: ReadOnly<Date>
    finished_at: ReadOnly<Date>
    outcome: ReadOnly<string>
    http_status: ReadOnly<number | null>
    error: ReadOnly<string | null>
    response_excerpt: ReadOnly<string | null>
    relay: ReadOnly<string>
  }
  lane: {
    id: ReadOnly<number>
    epoch: ReadOnly<string>
    owner: ReadOnly<string | null>
  }
  relay: {
    name: ReadOnly<string>
    incarnation: ReadOnly<string>
    lease: ReadOnly<unknown>
    renewals: ReadOnly<string>
    started_at: ReadOnly<Date>
    renewed_at: ReadOnly<Date>
    pid: ReadOnly<number>
    host: ReadOnly<string>
    kernel: ReadOnly<string>
    version: ReadOnly<string>
  }
  hold: {
    id: GeneratedAlways<string>
    held_at: ReadOnly<Date>
    url_prefix: string
    reason: string
    held_by: ReadOnly<string>
  }
}
