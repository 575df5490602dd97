import type { IndexPlace } from '../model.ts'
import { claimedPageEntries } from '../policy/tuning.ts'
import type { Session, Statement } from './session.ts'
import { dueTime, dueUs, isRow, timeOf } from './sql.ts'

/** A row that is claimed under a registration that is gone, or was never there. */
export interface Orphan {
  readonly id: string
  readonly messageId: string
  readonly attempt: number
  /** Under which it was claimed. */
  readonly epoch: string
  readonly rev: number
  readonly origin: string
  readonly attemptOfBudget: number
  readonly maxAttempts: number | null
  readonly claimedMsAgo: number
}

/** Within a century: the owner of the table may write what he likes. */
const claimedMsAgo = `case when isfinite(c.claimed_at)
                  then least(greatest(extract(epoch from clock_timestamp() - c.claimed_at) * 1000, 0), 3e12) else 0 end::float8`

/** Of an entry: thousands are read for a few claimed ones, so no more than what tells these, and where to go on. */
const entry = `c.id, ${dueUs} as "dueUs", case when c.status = 'claimed' then c.claimed_epoch end as epoch, row_number() over () as n`

/**
 * Nothing that the claim changes is in an index, so claimed rows can only be walked to. Whole pages of entries are read, and
 * the claimed ones picked; `reach` is there when no row is.
 */
const picked = (schema: string) => `
    select reach.*, orphan.*
      from (select whole.read, (select json_build_object('dueUs', page."dueUs", 'id', page.id::text)::text from page where page.n = whole.read) as reached
              from (select count(*)::integer as read from page) whole) reach
      left join (select c.id, c.message_id as "messageId", c.attempts as attempt, c.claimed_epoch as epoch, c.rev::float8 as rev, c.origin,
                        c.attempts - c.budget_from as "attemptOfBudget", c.max_attempts as "maxAttempts", ${claimedMsAgo} as "claimedMsAgo"
                   from page join ${schema}.callback c on ${isRow('page.id')}
                  where page.epoch is not null
                    and not exists (select from ${schema}.relay r where r.epoch = any (array[page.epoch]))) orphan on true`

const freshStatement: Statement = {
  name: 'ringback_orphans_fresh',
  text: schema => `
    with page as materialized (
      select ${entry}
        from (select * from ${schema}.callback c where c.settled_at is null and c.due_at is null and c.id > $1::bigint order by c.id limit $2) c
    ) ${picked(schema)}`,
}

const dueStatement: Statement = {
  name: 'ringback_orphans_due',
  text: schema => `
    with page as materialized (
      select ${entry}
        from (select * from ${schema}.callback c
               where c.due_at is not null and (${dueTime}, c.id) > (${timeOf('$3::float8')}, $1::bigint)
               order by ${dueTime}, c.id limit $2) c
    ) ${picked(schema)}`,
}

/** First through what is fresh, then through what has a due time. */
export const orphansStart: IndexPlace = { dueUs: null, id: '0' }
const dueStart: IndexPlace = { dueUs: Number.NEGATIVE_INFINITY, id: '0' }

/** Orphans among the next entries; `next` is where to go on, null: that was all. */
export async function readOrphans(
  session: Session,
  after: IndexPlace,
): Promise<{ readonly orphans: readonly Orphan[]; readonly next: IndexPlace | null }> {
  const isFresh = after.dueUs === null
  const values = [after.id, claimedPageEntries, ...(isFresh ? [] : [after.dueUs])]
  const found = await session.rows<Orphan & { read: number; reached: string | null }>(
    isFresh ? freshStatement : dueStatement,
    values,
  )
  const [first] = found
  if (!first) throw new Error('a count must return a row')
  const isEnd = first.reached === null || first.read < claimedPageEntries
  const end = isFresh ? dueStart : null
  return { orphans: found.filter(({ id }) => id !== null), next: isEnd ? end : JSON.parse(String(first.reached)) }
}
