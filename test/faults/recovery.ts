import type pg from 'pg'
import type { Books } from './books.ts'

/** Attempts that began within this after a fault may have been claimed before it, in milliseconds. */
const echoMs = 50

/** When faults ended, by the database's time, and who served then. */
export interface Calm {
  readonly at: number
  readonly relays: readonly string[]
}

export async function calm(client: pg.Client): Promise<Calm> {
  const { rows } = await client.query<Calm>(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as at,
            array(select distinct r.name from outbox.relay r join outbox.pulse p on p.epoch = r.epoch where p.serving) as relays`,
  )
  if (rows[0] === undefined) throw new Error('the database did not say what time it is')
  return rows[0]
}

/**
 * How long, in milliseconds, until the last of those who had sent anything before began its first attempt; Infinity: one never did.
 * Where nobody served when the faults ended, anybody's first attempt counts.
 */
export function recoveryMs({ attempts }: Books, { at, relays }: Calm): number {
  const after = attempts.filter(({ startedAt }) => startedAt > at + echoMs)
  const had = new Set(attempts.filter(({ startedAt }) => startedAt < at).map(({ relay }) => relay))
  const busy = relays.filter(relay => had.has(relay))
  const judged = busy.length > 0 ? busy : relays
  const first = (begun: Books['attempts']) => Math.min(...begun.map(({ startedAt }) => startedAt)) - at
  return judged.length === 0
    ? first(after)
    : Math.max(...judged.map(name => first(after.filter(({ relay }) => relay === name))))
}
