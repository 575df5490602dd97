import type { Claim } from '../model.ts'
import { claimFree, free } from './claim.ts'
import type { Session, Statement } from './session.ts'
import { type FreshRow, type FreshTip, freshRows, freshTip, freshValues, type Gap } from './tip.ts'

/** New rows, and which of them are claimed. */
export interface ClaimedFresh extends FreshTip {
  readonly claims: readonly Claim[]
}

/** What may be claimed as it is read. */
export interface Claimable {
  /** Most rows. */
  readonly most: number
  /** Rows of these origins must wait. */
  readonly except: readonly string[]
  /** Origins that may have several rows at once, as many as `most`. Any other may have one. */
  readonly several: readonly string[]
}

/** A row that was read, with the columns of its claim; `attempt` null: it was not claimed. */
type FoundRow = FreshRow & (Omit<Claim, 'attempt'> & { readonly attempt: number | null })

/**
 * Reads as `readFresh` does, and claims as `claim` does: all that it reads or nothing, so that a row that it may not claim
 * does not wait for the commit of others. It claims nothing if it reads many rows, two of an origin that may have one, or one
 * of an origin that must wait. Then it does not lock the registration either, and has nothing to commit.
 */
const claimFreshStatement: Statement = {
  name: 'ringback_claim_fresh',
  text: schema => `
    with page as materialized (${freshRows(schema)}
    ), wanted as materialized (
      select page.id
        from page
       where (select count(*) <= $5::int and bool_and(few.standing = 'due' and few.origin <> all ($6::text[]))
                     and count(*) = count(distinct case when few.origin = any ($7::text[]) then few.id::text else few.origin end)
                from (select page.id, page.origin, page.standing from page limit $5::int + 1) few)
    ), ${free(schema, 'case when exists (select from wanted) then $4::bigint end', 'wanted')},
    claimed as (${claimFree(schema, '$4')})
    select page."lastId", page.id, page."orderingKey", page.origin, page."urlHash", page."dueUs",
           case when claimed.id is null then page.standing else 'claimed here' end as standing,
           coalesce(claimed.rev, page.rev) as rev, page.tried, page."maxAttempts",
           claimed.attempt, claimed.epoch, claimed."messageId", claimed.url, claimed.form, claimed.traceparent,
           claimed."attemptOfBudget", claimed."expiresInMs"
      from page
      left join claimed on claimed.id = page.id
     order by page.id`,
}

/** Reads new rows, and claims them in the same statement if all of them may be claimed. Parameters as of `readFresh`. */
export async function claimFresh(
  session: Session,
  epoch: string,
  gaps: readonly Gap[],
  limit: number,
  { most, except, several }: Claimable,
): Promise<ClaimedFresh> {
  const values = [...freshValues(epoch, gaps, limit), most, except, several]
  const found = await session.rows<FoundRow>(claimFreshStatement, values)
  return { ...freshTip(found, limit), claims: found.flatMap(claimOf) }
}

function claimOf({ lastId, standing, tried, attempt, ...claim }: FoundRow): Claim | [] {
  return attempt === null ? [] : { ...claim, attempt }
}
