import type { OwnedLane } from '../model.ts'
import { mine } from './claim.ts'
import type { Session, Statement } from './session.ts'
import { isRow } from './sql.ts'

/** The pending rows of my lanes, among those wanted, that `condition` holds for and that nobody has locked. */
const free = (schema: string, condition: string) => `
    with ${mine(schema)}, free as materialized (
      select c.id
        from unnest($1::bigint[]) as wanted (id)
        join ${schema}.callback c on ${isRow('wanted.id')}
       where c.lane = any (array(select id from mine)) and c.status = 'pending' and (${condition})
         for no key update of c skip locked
    )`

/** Past `expires_at` no attempt starts; the row ends here, without an attempt. */
const expireStatement: Statement = {
  name: 'ringback_expire',
  text: schema => `${free(schema, 'c.expires_at <= clock_timestamp()')}
    update ${schema}.callback c
       set status = 'dead', due_at = null, settled_at = clock_timestamp(), dead_at = clock_timestamp(), rev = c.rev + 1,
           last_error = 'expired' || coalesce('; last attempt: ' || c.last_error, '')
      from free
     where ${isRow('free.id')}
    returning c.id`,
}

/**
 * Sets rows aside that memory has no room for or that are held: they leave the index of fresh rows, and cost nothing until
 * their key or origin can go on. The claim takes them from there without another write, whenever it likes; so a row that is
 * not due yet is left where it is, or its time would be forgotten.
 */
const parkStatement: Statement = {
  name: 'ringback_park',
  text: schema => `${free(schema, 'c.due_at is null or c.due_at <= clock_timestamp()')}
    update ${schema}.callback c set due_at = 'infinity', rev = c.rev + 1 from free where ${isRow('free.id')}
    returning c.id`,
}

/** What can never be claimed, since its own values are refused, ends here. */
const giveUpStatement: Statement = {
  name: 'ringback_give_up',
  text: schema => `${free(schema, 'true')}
    update ${schema}.callback c
       set status = 'dead', due_at = null, settled_at = clock_timestamp(), dead_at = clock_timestamp(), rev = c.rev + 1,
           last_error = ($4::text[])[array_position($1::bigint[], c.id)]
      from free
     where ${isRow('free.id')}
    returning c.id`,
}

/** @returns ids that are dead now, reason `expired`. */
export function expire(session: Session, ids: readonly string[], lanes: readonly OwnedLane[]): Promise<string[]> {
  return settle(session, expireStatement, [ids], lanes)
}

/** @returns ids that were parked by this call. */
export function park(session: Session, ids: readonly string[], lanes: readonly OwnedLane[]): Promise<string[]> {
  return settle(session, parkStatement, [ids], lanes)
}

/** @returns ids that are dead now, each for the reason given. */
export function giveUp(
  session: Session,
  rows: readonly { readonly id: string; readonly reason: string }[],
  lanes: readonly OwnedLane[],
): Promise<string[]> {
  return settle(session, giveUpStatement, [rows.map(row => row.id), rows.map(row => row.reason)], lanes)
}

async function settle(
  session: Session,
  statement: Statement,
  [ids, ...more]: readonly (readonly string[])[],
  lanes: readonly OwnedLane[],
): Promise<string[]> {
  const values = [ids, lanes.map(l => l.lane), lanes.map(l => l.epoch), ...more]
  return (await session.rows<{ id: string }>(statement, values)).map(row => row.id)
}
