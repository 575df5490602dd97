import type { Release } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { isRow } from './sql.ts'

/**
 * Takes back an attempt of which no byte can have left. Fenced by `rev`, since the attempt number repeats after a
 * release: a late one must not hit the next claim.
 */
const releaseStatement: Statement = {
  name: 'ringback_release',
  text: schema => `
    with free as materialized (
      select c.id
        from unnest($1::bigint[], $2::float8[]) as given (id, rev)
        join ${schema}.callback c on ${isRow('given.id')}
       where c.status = 'claimed' and c.claimed_epoch = $3::bigint and c.rev = given.rev::bigint
         for no key update of c skip locked
    )
    update ${schema}.callback c
       set status = 'pending', attempts = c.attempts - 1, claimed_epoch = null, due_at = clock_timestamp(), rev = c.rev + 1
      from free
     where ${isRow('free.id')}
    returning c.id`,
}

/** @returns ids of the rows that this statement made pending again, with no attempt used up. */
export async function release(session: Session, epoch: string, claims: readonly Release[]): Promise<Set<string>> {
  const values = [claims.map(({ id }) => id), claims.map(({ rev }) => rev), epoch]
  return new Set((await session.rows<{ id: string }>(releaseStatement, values)).map(({ id }) => id))
}
