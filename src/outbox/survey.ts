import type { Session, Statement } from './session.ts'
import { secondsSince } from './sql.ts'

/** Counts and ages for the log and for metrics. Seconds are by the database's clock. Counts end at `mostSurveyed`. */
export interface Survey {
  /** Could start now, if their key and their receiver allow. */
  readonly due: number
  /** Delayed by the producer, or waiting for a retry. */
  readonly later: number
  readonly claimed: number
  readonly dead: number
  readonly holds: number
  /** Since the oldest pending callback was written; null: none is pending. */
  readonly oldestWaitingSeconds: number | null
  /** Since the first of the due callbacks became due; null: none is due. */
  readonly oldestDueSeconds: number | null
  /** Since the oldest hold was placed; null: there is none. */
  readonly oldestHoldSeconds: number | null
  /** Since the oldest settled callback still in the table was settled; null: there is none. */
  readonly oldestHistorySeconds: number | null
  /** Since the start of the newest retention run that completed; null: there is none. */
  readonly retentionSeconds: number | null
  readonly relays: RelaysSurveyed
  /** This relay has run longest of the living ones. Only it shows what all would show. */
  readonly isEldest: boolean
}

export interface RelaysSurveyed {
  readonly living: number
  /** Living relays that serve. */
  readonly serving: number
  /** Living relays that stand by. */
  readonly standingBy: number
  /** Relays whose lease has run out, and which are not buried yet. */
  readonly stale: number
}

/** Most entries read of each index, from its beginning. */
export const mostSurveyed = 10_000

/**
 * Reads the first entries of three indexes, and small tables, so its cost is bounded. Retried rows stand by due time:
 * beyond the first 10,000 entries an older row may wait unseen.
 */
const surveyStatement: Statement = {
  name: 'ringback_survey',
  text: schema => `
    with unsettled as materialized (
      (select c.status, c.created_at, c.created_at as due
         from ${schema}.callback c where c.settled_at is null and c.due_at is null order by c.id limit ${mostSurveyed})
       union all
      (select c.status, c.created_at, greatest(c.due_at, c.created_at)
         from ${schema}.callback c where c.due_at is not null order by greatest(c.due_at, c.created_at), c.id limit ${mostSurveyed})
    ), relays as materialized (
      select r.epoch, p.started_at, p.serving, p.standby, clock_timestamp() - p.renewed_at <= r.lease as lives
        from ${schema}.relay r join ${schema}.pulse p on p.epoch = r.epoch
    )
    select u.*,
           (select count(*) from (select from ${schema}.callback c where c.dead_at is not null order by c.dead_at limit ${mostSurveyed}) d)::float8 as dead,
           (select count(*) from ${schema}.hold)::float8 as holds,
           ${secondsSince(`(select min(h.held_at) from ${schema}.hold h)`)} as "oldestHoldSeconds",
           ${secondsSince(`(select c.settled_at from ${schema}.callback c where c.settled_at is not null order by c.settled_at, c.id limit 1)`)} as "oldestHistorySeconds",
           ${secondsSince(`(select max(j.started_at) from ${schema}.janitor_run j where j.ended_at is not null and j.error is null)`)} as "retentionSeconds",
           r.living, r.serving, r."standingBy", r.stale,
           coalesce((select epoch from relays where lives order by started_at, epoch limit 1) = $1, false) as "isEldest"
      from (select count(*) filter (where status = 'pending' and due <= clock_timestamp())::float8 as due,
                   count(*) filter (where status = 'pending' and due > clock_timestamp())::float8 as later,
                   count(*) filter (where status = 'claimed')::float8 as claimed,
                   ${secondsSince("min(created_at) filter (where status = 'pending')")} as "oldestWaitingSeconds",
                   ${secondsSince("min(due) filter (where status = 'pending' and due <= clock_timestamp())")} as "oldestDueSeconds"
              from unsettled) u,
           (select count(*) filter (where lives)::float8 as living, count(*) filter (where lives and serving)::float8 as serving,
                   count(*) filter (where lives and standby is not null)::float8 as "standingBy", count(*) filter (where not lives)::float8 as stale
              from relays) r`,
}

/** @param epoch that of this relay's registration. */
export async function readSurvey(session: Session, epoch: string): Promise<Survey> {
  const [row] = await session.rows<Omit<Survey, 'relays'> & RelaysSurveyed>(surveyStatement, [epoch])
  if (!row) throw new Error('a statement of aggregates must return a row')
  const { living, serving, standingBy, stale, ...survey } = row
  return { ...survey, relays: { living, serving, standingBy, stale } }
}
