import type { Session, Statement } from './session.ts'

/** What was settled within one minute, or another period. */
export interface SettledCount {
  /** Its beginning, in milliseconds of Unix time. */
  readonly atMs: number
  readonly delivered: number
  readonly dead: number
  /** `delivered` was extrapolated from samples: it was a busy one. */
  readonly isEstimate: boolean
}

/** Up to this many rows, a minute is counted exactly. */
const counted = 1_000
/** Length of a sample, in seconds. A busier minute has one sample every ten seconds. */
const part = 0.2
/** Most rows read per sample. */
const mostOfPart = 1_000

const minutesStatement: Statement = {
  name: 'ringback_screen_minutes',
  text: schema => `
    select extract(epoch from m.at)::float8 * 1000 as "atMs", v.count > ${counted} as "isEstimate", d.count::float8 as dead,
           case when v.count > ${counted} then round(p.count * ${10 / part}) else v.delivered end::float8 as delivered
      from unnest($1::timestamptz[]) m(at)
     cross join lateral (
       select count(*) as count, count(*) filter (where status = 'delivered') as delivered
         from (select status from ${schema}.callback where settled_at is not null and settled_at >= m.at and settled_at < m.at + interval '1 min'
                order by settled_at, id limit ${counted + 1}) c) v
     cross join lateral (
       select count(*) as count
         from (select from ${schema}.callback where dead_at is not null and dead_at >= m.at and dead_at < m.at + interval '1 min' limit ${counted + 1}) c) d
     cross join lateral (
       select sum(w.count) as count
         from generate_series(0, 50, 10) s
        cross join lateral (
          select count(*) filter (where status = 'delivered') as count
            from (select status from ${schema}.callback
                   where v.count > ${counted} and settled_at is not null and settled_at >= m.at + s * interval '1 s' and settled_at < m.at + s * interval '1 s' + interval '${part} s'
                   order by settled_at, id limit ${mostOfPart}) c) w) p
     order by m.at`,
}

/**
 * A minute costs a few milliseconds at most. @param minutes beginnings of minutes that are over, in milliseconds of
 * Unix time.
 */
export function readMinutes(session: Session, minutes: readonly number[]): Promise<SettledCount[]> {
  return session.rows(minutesStatement, [minutes.map(atMs => new Date(atMs).toISOString())])
}
