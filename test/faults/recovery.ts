import type pg from 'pg'
import type { Books } from './books.ts'

/** Attempts that began within this after a fault may have been claimed before it, in milliseconds. */
const echoMs = 50

/** The database's time, as attempts are dated by. */
export async function databaseNow(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ now: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
  )
  return rows[0]?.now ?? Number.NaN
}

/** How long after the fault, in milliseconds, the last of the relays began its first attempt; Infinity: one never did. */
export function recoveryMs({ attempts }: Books, relays: readonly string[], faultAt: number): number {
  return Math.max(
    ...relays.map(relay => {
      const begun = attempts.filter(each => each.relay === relay && each.startedAt > faultAt + echoMs)
      return Math.min(...begun.map(({ startedAt }) => startedAt)) - faultAt
    }),
  )
}
