import { idEnd } from '../ids.ts'
import type { IndexPlace } from '../model.ts'
import { claimedPageEntries } from '../policy/tuning.ts'
import type { Session, Statement } from './session.ts'
import { dueTime, dueUs, plainArray, timeOf, workMs } from './sql.ts'

/** A row claimed under a registration that is gone, or never existed, or under one that the search names. */
export interface Orphan {
  readonly id: string
  readonly messageId: string
  readonly attempt: number
  /** The epoch under which it was claimed. */
  readonly epoch: string
  readonly rev: number
  readonly origin: string
  readonly attemptOfBudget: number
  readonly maxAttempts: number | null
  readonly claimedMsAgo: number
}

/** At most about a century, since the owner of the table may write any time. */
const claimedMsAgo = `case when isfinite(c.claimed_at)
                  then least(greatest(extract(epoch from clock_timestamp() - c.claimed_at) * 1000, 0), 3e12) else 0 end::float8`

/**
 * No index holds anything that a claim changes, so claimed rows are found by a walk. It reads whole pages of entries. An
 * aggregate picks the claimed ones: a table of the entries would take three times as long.
 *
 * @param reached the id of the last entry, from `page`.
 */
const picked = (schema: string, page: string, reached: string, named: string) => `
    select reach.read, reach."reachedUs", reach."reachedId", orphan.*, ${workMs}
      from (select count(*)::integer as read, max(page."dueUs") as "reachedUs", ${reached} as "reachedId",
                   array_agg(page.id) filter (where page.status = 'claimed') as claimed
              from (${page}) page) reach
      left join lateral (
             select c.id, c.message_id as "messageId", c.attempts as attempt, c.claimed_epoch as epoch, c.rev::float8 as rev, c.origin,
                    c.attempts - c.budget_from as "attemptOfBudget", c.max_attempts as "maxAttempts", ${claimedMsAgo} as "claimedMsAgo"
               from ${schema}.callback c
              where c.id = any (reach.claimed)
                and (c.claimed_epoch = any (${named}::bigint[]) or not exists (select from ${schema}.relay r where r.epoch = any (array[c.claimed_epoch])))) orphan on true`

const freshStatement: Statement = {
  name: 'ringback_orphans_fresh',
  text: schema =>
    picked(
      schema,
      `select c.id, null::float8 as "dueUs", c.status from ${schema}.callback c
                where c.settled_at is null and c.due_at is null and c.id > $1::bigint and c.id <= $3::bigint
                order by c.id limit $2`,
      'max(page.id)',
      '$4',
    ),
}

const dueStatement: Statement = {
  name: 'ringback_orphans_due',
  text: schema =>
    picked(
      schema,
      `select c.id, ${dueUs} as "dueUs", c.status from ${schema}.callback c
                where c.due_at is not null and (${dueTime}, c.id) > (${timeOf('$3::float8')}, $1::bigint)
                  and ${dueTime} <= ${timeOf('$4::float8')}
                order by ${dueTime}, c.id limit $2`,
      // Entries come in the order of the index, and many may be due at the same time.
      '(array_agg(page.id))[count(*)]',
      '$5',
    ),
}

/** The walk reads the fresh range first, then the due range. */
export const orphansStart: IndexPlace = { dueUs: null, id: '0' }
const dueStart: IndexPlace = { dueUs: Number.NEGATIVE_INFINITY, id: '0' }

export interface FoundOrphans {
  readonly orphans: readonly Orphan[]
  /** Where the walk goes on; null: it is over. */
  readonly next: IndexPlace | null
  /** What the server has worked, in milliseconds. */
  readonly workMs: number
}

/** One orphan, or none, and how far the page came. */
interface Page extends Orphan {
  /** How many entries. */
  readonly read: number
  readonly reachedUs: number | null
  /** null: there was no entry. */
  readonly reachedId: string | null
  readonly workMs: number
}

/**
 * Orphans among the next entries.
 *
 * @param upTo where the page ends at the latest; null: nowhere. It is in the range of `after`.
 * @param most most entries.
 * @param named epochs whose claims count as orphans even while their registrations stand.
 */
export async function readOrphans(
  session: Session,
  after: IndexPlace,
  upTo: IndexPlace | null = null,
  most: number = claimedPageEntries.wanted,
  named: readonly string[] = [],
): Promise<FoundOrphans> {
  const isFresh = after.dueUs === null
  const bounds = isFresh ? [upTo?.id ?? idEnd] : [after.dueUs, upTo?.dueUs ?? Number.POSITIVE_INFINITY]
  const values = [after.id, most, ...bounds, plainArray(named)]
  const found = await session.rows<Page>(isFresh ? freshStatement : dueStatement, values)
  const last = found.at(-1)
  if (!last) throw new Error('a count must return a row')
  const { read, reachedUs, reachedId, workMs } = last
  const isEnd = reachedId === null || read < most
  const end = upTo ?? (isFresh ? dueStart : null)
  return {
    orphans: found.filter(({ id }) => id !== null),
    next: isEnd ? end : { dueUs: reachedUs, id: reachedId },
    workMs,
  }
}
