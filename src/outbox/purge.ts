import type { Session, Statement } from './session.ts'

/** Which settled callbacks are deleted; null: none of that kind. Times are ISO 8601. */
export interface Purged {
  readonly deliveredBefore: string | null
  /** For cancelled callbacks, too. */
  readonly deadBefore: string | null
}

const purgeStatement: Statement = {
  name: 'ringback_purge',
  text: schema => `select ${schema}.purge(delivered_before => $1, dead_before => $2, at_most => $3) as purged`,
}

const purgeOneStatement: Statement = {
  name: 'ringback_purge_one',
  text: schema => `select ${schema}.purge(id => $1) as purged`,
}

const countStatement: Statement = {
  name: 'ringback_purgeable',
  text: schema => `
    select count(*) as purged
      from ${schema}.callback c
     where c.settled_at is not null and c.settled_at < greatest($1::timestamptz, $2::timestamptz)
       and (c.status = 'delivered' and c.settled_at < $1::timestamptz or c.status <> 'delivered' and c.settled_at < $2::timestamptz)`,
}

const keepingStatement: Statement = {
  name: 'ringback_keeping',
  text: schema => `
    select r.name, (p.settings ->> 'keep-delivered')::float8 as "keepDeliveredMs", (p.settings ->> 'keep-dead')::float8 as "keepDeadMs"
      from ${schema}.relay r join ${schema}.pulse p on p.epoch = r.epoch
     where p.serving and p.settings -> 'keep-delivered' is not null and p.settings -> 'keep-dead' is not null
     order by r.name`,
}

/** How long a relay keeps settled callbacks, in milliseconds; null: for ever. */
export interface Keeping {
  readonly name: string
  readonly keepDeliveredMs: number | null
  readonly keepDeadMs: number | null
}

/** What each serving relay keeps. */
export function readKeeping(session: Session): Promise<Keeping[]> {
  return session.rows<Keeping>(keepingStatement)
}

/** Deletes at most `atMost` callbacks, with their attempts. Locked rows are left. @returns how many were deleted. */
export function purgeOld(session: Session, { deliveredBefore, deadBefore }: Purged, atMost: number): Promise<bigint> {
  return count(session, purgeStatement, [deliveredBefore, deadBefore, atMost])
}

/**
 * Deletes one settled callback with its attempts. @returns false: it does not exist. @throws when it is not settled.
 */
export async function purgeOne(session: Session, id: string): Promise<boolean> {
  return (await count(session, purgeOneStatement, [id])) > 0n
}

/** @returns how many callbacks `purgeOld` would delete. */
export function countOld(session: Session, { deliveredBefore, deadBefore }: Purged): Promise<bigint> {
  return count(session, countStatement, [deliveredBefore, deadBefore])
}

async function count(session: Session, statement: Statement, values: readonly unknown[]): Promise<bigint> {
  const [row] = await session.rows<{ purged: string }>(statement, values)
  return BigInt(row?.purged ?? 0)
}
