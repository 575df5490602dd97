import type pg from 'pg'
import type { Books } from './books.ts'

/** Attempts that began within this after a fault may have been claimed before it, in milliseconds. */
const echoMs = 50

/** When faults ended, by the database's time, and whose the lanes were then. */
export interface Calm {
  readonly at: number
  readonly owners: readonly string[]
}

export async function calm(client: pg.Client): Promise<Calm> {
  const { rows } = await client.query<Calm>(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as at,
            array(select distinct owner from outbox.lane where owner is not null) as owners`,
  )
  if (rows[0] === undefined) throw new Error('the database did not say what time it is')
  return rows[0]
}

/** How long, in milliseconds, until the last of those who had lanes began its first attempt; Infinity: one never did. */
export function recoveryMs({ attempts }: Books, { at, owners }: Calm): number {
  return Math.max(
    ...owners.map(owner => {
      const begun = attempts.filter(each => each.relay === owner && each.startedAt > at + echoMs)
      return Math.min(...begun.map(({ startedAt }) => startedAt)) - at
    }),
  )
}
