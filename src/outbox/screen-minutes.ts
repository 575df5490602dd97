import type { Session, Statement } from './session.ts'

/** What was settled in one minute. */
export interface MinuteCount {
  /** Its beginning, in milliseconds of Unix time. */
  readonly atMs: number
  readonly delivered: number
  readonly dead: number
  /** `delivered` was worked out from six parts of the minute: it was a busy one. */
  readonly isEstimate: boolean
}

/** Rows of a minute that are counted one by one. */
const counted = 1_000
/** Of a minute with more, this much is looked at every ten seconds, in seconds. */
const part = 0.2
/** Rows of one part at most. */
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

/** @param minutes beginnings of minutes that are over, in milliseconds of Unix time. A minute costs a few milliseconds at most. */
export function readMinutes(session: Session, minutes: readonly number[]): Promise<MinuteCount[]> {
  return session.rows(minutesStatement, [minutes.map(atMs => new Date(atMs).toISOString())])
}
