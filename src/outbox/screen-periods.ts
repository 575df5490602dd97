import type { Session, Statement } from './session.ts'

/** What was settled within a period, such as a minute. */
export interface SettledCount {
  /** Its beginning, in milliseconds of Unix time. */
  readonly atMs: number
  readonly delivered: number
  readonly dead: number
  /** `delivered` was extrapolated from samples: it was a busy one. */
  readonly isEstimate: boolean
}

/** Up to this many rows, the status of each is read. */
const counted = 1_000
/** Up to this many are counted by the index. */
const countedByIndex = 10_000
/** Of a period with more, the share of the delivered is that of so many rows at each of ten places. */
const rowsOfPlace = 100
/** A period with more than `countedByIndex` rows has so many samples, each a thirtieth of the way to the next one, */
const samples = 60
const shareOfTime = 30
/** with this many rows at most. A busier sample is extrapolated from the time that these take. */
const rowsOfSample = 150

/** Where a sample begins: not at the same second of each minute, since schedulers write at full minutes. */
const sampleStart = `$1::timestamptz + (k + 0.95 * mod(k * 0.618034, 1)) * $3::float8 / ${samples} * interval '1 s'`
const sampleSeconds = `$3::float8 / ${samples * shareOfTime}`

const within = (schema: string, from: string, to: string) =>
  `from ${schema}.callback c where c.settled_at is not null and c.settled_at >= ${from} and c.settled_at < ${to}`

const periodStatement: Statement = {
  name: 'ringback_screen_period',
  text: schema => `
    select extract(epoch from $1::timestamptz)::float8 * 1000 as "atMs", d.count::float8 as dead, e.count > ${counted} as "isEstimate",
           case when e.count <= ${counted} then e.delivered else round(case when t.count <= ${countedByIndex} then t.count else p.count end * s.delivered) end::float8 as delivered
      from (select count(*) as count, count(*) filter (where status = 'delivered') as delivered
              from (select status ${within(schema, '$1::timestamptz', '$2::timestamptz')} order by c.settled_at, c.id limit ${counted + 1}) c) e
     cross join lateral (
       select count(*) as count
         from (select ${within(schema, '$1::timestamptz', '$2::timestamptz')} and e.count > ${counted} order by c.settled_at, c.id limit ${countedByIndex + 1}) c) t
     cross join (
       select count(*) as count
         from (select from ${schema}.callback where dead_at is not null and dead_at >= $1::timestamptz and dead_at < $2::timestamptz limit ${countedByIndex + 1}) c) d
     cross join lateral (
       select coalesce(sum(c.delivered) / nullif(sum(c.count), 0), 0)::float8 as delivered
         from generate_series(0, 9) k
        cross join lateral (
          select count(*) as count, count(*) filter (where status = 'delivered') as delivered
            from (select status ${within(schema, `$1::timestamptz + k * $3::float8 / 10 * interval '1 s'`, '$2::timestamptz')} and e.count > ${counted}
                   order by c.settled_at, c.id limit ${rowsOfPlace}) c) c) s
     cross join lateral (
       select sum(case when c.count < ${rowsOfSample} then c.count else c.count * ${sampleSeconds} / greatest(c.seconds, 0.001) end) * ${shareOfTime} as count
         from generate_series(0, ${samples - 1}) k
        cross join lateral (
          select count(*)::float8 as count, extract(epoch from max(settled_at) - (${sampleStart}))::float8 as seconds
            from (select c.settled_at ${within(schema, sampleStart, `${sampleStart} + ${sampleSeconds} * interval '1 s'`)} and t.count > ${countedByIndex}
                   order by c.settled_at, c.id limit ${rowsOfSample}) c) c) p`,
}

/**
 * Reads a period that is over. Above 1,000 rows `delivered` is a share of all that was settled. These are counted by the index up
 * to 10,000, and extrapolated beyond. `dead` is counted up to 10,001.
 */
export async function readPeriod(session: Session, atMs: number, lengthMs: number): Promise<SettledCount> {
  const [from, to] = [new Date(atMs).toISOString(), new Date(atMs + lengthMs).toISOString()]
  const [row] = await session.rows<SettledCount>(periodStatement, [from, to, lengthMs / 1_000])
  if (row === undefined) throw new Error('an aggregate must return a row')
  return row
}
