import type { Session, Statement } from './session.ts'
import { dueTime, isFirst } from './sql.ts'

/** A key whose first callback waits for a later time while others wait behind it. */
export interface BlockedKey {
  readonly orderingKey: string
  /** The first callback of the key. */
  readonly id: string
  readonly url: string
  readonly attempts: number
  /** null: it was delayed, and has not failed. */
  readonly lastError: string | null
  readonly createdAt: Date
  readonly dueAt: Date
  /** Callbacks behind it; 101 means more than 100. */
  readonly behind: number
}

/**
 * Callbacks with a due time that are read, from either end of the index: a first callback that waits longest is due
 * last.
 */
const lookedAt = 1_000

const blockedStatement: Statement = {
  name: 'ringback_screen_keys',
  text: schema => {
    const columns = `c.id, c.status, c.url, c.ordering_key, c.attempts, c.last_error, c.created_at, ${dueTime} as due`
    return `
    with seen as materialized (
      (select ${columns} from ${schema}.callback c where c.due_at is not null order by ${dueTime}, c.id limit ${lookedAt})
      union
      (select ${columns} from ${schema}.callback c where c.due_at is not null order by ${dueTime} desc, c.id desc limit ${lookedAt})
    ), heads as materialized (
      select c.* from seen c where c.ordering_key is not null and c.status = 'pending' and (c.attempts > 0 or c.due > statement_timestamp()) and ${isFirst(schema)}
       order by c.created_at, c.id limit 100
    )
    select h.id::text as id, h.ordering_key::text as "orderingKey", h.url::text as url, h.attempts, h.last_error as "lastError",
           h.created_at as "createdAt", h.due as "dueAt", b.count::float8 as behind
      from heads h
     cross join lateral (
       select count(*) as count
         from (select from ${schema}.callback e
                where e.settled_at is null and (e.ordering_key, e.id) > (h.ordering_key, h.id) and e.ordering_key <= h.ordering_key
                limit 101) e) b
     where b.count > 0 order by b.count desc, h.created_at, h.id limit 50`
  },
}

/** The keys with most callbacks behind the first one. */
export function readBlockedKeys(session: Session): Promise<BlockedKey[]> {
  return session.rows(blockedStatement)
}
