import type { Claim } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { dueUs, isFirst, isFree, isRow, isSuperseded, me, plainArray, sentKey, urlHash } from './sql.ts'

/**
 * Locks those of the rows `wanted (id)` that may be claimed. The database checks order, holds, due time and expiry again:
 * an earlier row of the key refuses the claim even if memory has not seen it. SKIP LOCKED: a claim never waits for a row.
 *
 * @param wanted an item of FROM.
 */
export const free = (schema: string, epoch: string, wanted: string) => `
    ${me(schema, epoch)}, free as materialized (
      select c.ctid as place
        from ${wanted}
        join ${schema}.callback c on ${isRow('wanted.id')}
       where exists (select from me) and c.status = 'pending'
         and (c.due_at is null or c.due_at <= clock_timestamp())
         and (c.expires_at is null or c.expires_at > clock_timestamp())
         and ${isFirst(schema)}
         and not ${isSuperseded(schema)}
         and ${isFree(schema)}
         for no key update of c skip locked
    )`

/**
 * Claims the rows of `free`, and returns the columns of a `Claim`. A locked row keeps its place (`ctid`), so it is updated
 * there without another index look-up. A row that another transaction has just changed is left out.
 */
export const claimFree = (schema: string, epoch: string) => `
    update ${schema}.callback c
       set status = 'claimed', attempts = c.attempts + 1, claimed_at = clock_timestamp(), claimed_epoch = ${epoch}, rev = c.rev + 1
      from free
     where c.ctid = free.place
    returning c.id, c.attempts as attempt, c.claimed_epoch as epoch, c.rev::float8 as rev, c.message_id as "messageId",
              ${sentKey} as "orderingKey", c.origin, ${urlHash} as "urlHash", c.url, c.form::text as form, c.traceparent,
              c.attempts - c.budget_from as "attemptOfBudget", c.max_attempts as "maxAttempts",
              ${dueUs} as "dueUs",
              (extract(epoch from c.expires_at - clock_timestamp()) * 1000)::float8 as "expiresInMs"`

const claimStatement: Statement = {
  name: 'ringback_claim',
  text: schema => `
    with ${free(schema, '$2::bigint', 'unnest($1::bigint[]) as wanted (id)')}
    ${claimFree(schema, '$2')}`,
}

/**
 * Leases these rows for one attempt each. Returns the rows that it got, in no order. `look` says why it did not get the
 * others.
 */
export function claim(session: Session, epoch: string, ids: readonly string[]): Promise<Claim[]> {
  return session.rows<Claim>(claimStatement, [plainArray(ids), epoch])
}
