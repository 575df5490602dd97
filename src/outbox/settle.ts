import type { ShownRow } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { firstOfKey, isRow, isSuperseded, me, plainArray, sentKey, workMs } from './sql.ts'

/** A row that ended without an attempt, and the first row of its key now. */
export interface Settled {
  readonly id: string
  readonly orderingKey: string | null
  /** null: there is none, or another row of the key that ended in the same statement has it. */
  readonly next: ShownRow | null
}

interface SettledRow {
  readonly settledId: string
  readonly settledKey: string | null
  readonly id: string | null
}

/**
 * Settles the rows `given (id, ...)`, and names the next row of each key: of several rows of a key, the last one does.
 *
 * @param given an item of FROM.
 */
const settle = (schema: string, given: string, changes: string, condition = 'true') => `
    free as materialized (
      select c.id, given.*
        from ${given} join ${schema}.callback c on ${isRow('given.given_id')}
       where exists (select from me) and c.status = 'pending' and ${condition}
         for no key update of c skip locked
    ), dead as (
      update ${schema}.callback c set ${changes}, due_at = null, settled_at = clock_timestamp(), rev = c.rev + 1
        from free
       where ${isRow('free.id')}
      returning c.id, c.ordering_key, ${sentKey} as sent
    )
    select dead.id as "settledId", dead.sent as "settledKey", next.*
      from (select d.*, max(d.id) over (partition by d.ordering_key) as last from dead d) dead
      left join lateral (
        select n.* from (${firstOfKey(schema, '$1::bigint', 'dead.ordering_key', 'c.id not in (select d.id from dead d)')}) n
         where dead.id = dead.last) next on true
     order by dead.id`

const dies = (reason: string) => `status = 'dead', dead_at = clock_timestamp(), last_error = ${reason}`

/** The end of the range in which expired rows are looked for; `withinMs` null: there is none. */
const since = (withinMs: string) =>
  `coalesce(statement_timestamp() - ${withinMs}::float8 * interval '1 ms', '-infinity')`

/**
 * The locks end with the statement. They keep rows that are claimed or locked elsewhere from using up the limit. `not in`
 * hashes the ids, of which there may be thousands; `<> all` would compare each of them with each row.
 */
const expiredStatement: Statement = {
  name: 'ringback_expired',
  text: schema => `
    with free as materialized (
      select c.id
        from ${schema}.callback c
       where c.settled_at is null and c.expires_at is not null
         and c.expires_at > ${since('$2')} and c.expires_at <= statement_timestamp()
         and c.status = 'pending' and c.id not in (select unnest($3::bigint[]))
       order by c.expires_at, c.id
       limit $1
         for no key update of c skip locked
    )
    select array(select f.id::text from free f) as ids, ${workMs}`,
}

/** After `expires_at` the row ends here, even if held or behind another. */
const expireStatement: Statement = {
  name: 'ringback_expire',
  text: schema => `
    with ${me(schema, '$1::bigint')}, ${settle(
      schema,
      'unnest($2::bigint[]) as given (given_id)',
      dies(`'expired' || coalesce('; last attempt: ' || c.last_error, '')`),
      'c.expires_at <= statement_timestamp()',
    )}`,
}

/**
 * Cancels superseded rows from the beginning of each key, up to the first row that is not superseded, or is claimed.
 * Later rows wait for their turn.
 */
const supersedeStatement: Statement = {
  name: 'ringback_supersede',
  text: schema => `
    with ${me(schema, '$1::bigint')}, keys as materialized (
      select distinct c.ordering_key
        from unnest($2::bigint[]) as wanted (id) join ${schema}.callback c on ${isRow('wanted.id')}
       where c.status in ('pending', 'claimed') and c.supersede_key is not null
    ), first as materialized (
      select c.*
        from keys
       cross join lateral (
         select c.id, c.ordering_key, c.status = 'pending' and ${isSuperseded(schema)} as goes
           from (select * from ${schema}.callback c
                  where c.settled_at is null and c.ordering_key is not null
                    and (c.ordering_key, c.id) >= (keys.ordering_key, 0) and c.ordering_key <= keys.ordering_key
                  order by c.ordering_key, c.id limit $3) c) c
    ), prefix as materialized (
      select f.id as given_id from first f
       where f.goes and not exists (select from first b where b.ordering_key = f.ordering_key and b.id < f.id and not b.goes)
    ), ${settle(
      schema,
      'prefix as given',
      `status = 'cancelled', last_error = 'superseded by ' || (
               select n.id from ${schema}.callback n
                where n.settled_at is null and n.supersede_key is not null
                  and (n.ordering_key, n.supersede_key, n.id) > (c.ordering_key, c.supersede_key, c.id)
                  and (n.ordering_key, n.supersede_key) <= (c.ordering_key, c.supersede_key)
                order by n.ordering_key desc, n.supersede_key desc, n.id desc limit 1)`,
    )}`,
}

/** Ends rows that can never be claimed, since PostgreSQL refuses their values. */
const giveUpStatement: Statement = {
  name: 'ringback_give_up',
  text: schema => `
    with ${me(schema, '$1::bigint')}, ${settle(
      schema,
      'unnest($2::bigint[], $3::text[]) as given (given_id, reason)',
      dies('free.reason'),
    )}`,
}

export interface Expired {
  readonly ids: readonly string[]
  /** What the server has worked, in milliseconds. */
  readonly workMs: number
}

/**
 * Pending rows that have expired, those first that expired first. They are asked for before `expire`, which locks the
 * registration and so writes, and in which one row may make PostgreSQL refuse all.
 *
 * @param withinMs only those that have expired within this time; null: all. While a snapshot is held open, all are as
 *   many as have expired since that began.
 * @param except ids of rows to leave out.
 */
export async function findExpired(
  session: Session,
  limit: number,
  withinMs: number | null,
  except: readonly string[] = [],
): Promise<Expired> {
  const [found] = await session.rows<Expired>(expiredStatement, [limit, withinMs, plainArray(except)])
  if (!found) throw new Error('a select without a table must return a row')
  return found
}

/** Makes those of these rows dead that have expired; the reason is `expired`. */
export function expire(session: Session, epoch: string, ids: readonly string[]): Promise<Settled[]> {
  return settled(session, expireStatement, [epoch, ids])
}

/** @returns the rows that are dead now, each for its reason. */
export function giveUp(
  session: Session,
  epoch: string,
  rows: readonly { readonly id: string; readonly reason: string }[],
): Promise<Settled[]> {
  return settled(session, giveUpStatement, [epoch, rows.map(({ id }) => id), rows.map(({ reason }) => reason)])
}

/** @returns the rows cancelled because newer ones supersede them; at most `limit` of each key. */
export function supersede(session: Session, epoch: string, ids: readonly string[], limit: number): Promise<Settled[]> {
  return settled(session, supersedeStatement, [epoch, ids, limit])
}

async function settled(session: Session, statement: Statement, values: readonly unknown[]): Promise<Settled[]> {
  const rows = await session.rows<SettledRow & ShownRow>(statement, values)
  return rows.map(({ settledId, settledKey, ...next }) => ({
    id: settledId,
    orderingKey: settledKey,
    next: next.id === null ? null : next,
  }))
}
