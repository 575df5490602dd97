import type { Books } from '../books.ts'
import { insertBulk } from '../bulk.ts'
import { FakeClock, libfaketime, setServerClock } from '../fake-clock.ts'
import type { Relay } from '../relay.ts'
import type { Scenario } from '../scenario.ts'

const HOUR = 3_600
/** Rows that are due later, when a relay's clock has jumped meanwhile. */
const LATER_MS = 3_000
const THEFT = ['registration_lost', 'relay_dead'] as const

/**
 * The database's clock ends an hour ahead: what it has dated an hour ahead, such as a retry, would wait for an hour if it
 * came back. That is what a time in a row means, and no relay could know better.
 */
export const scenario: Scenario = {
  number: 18,
  title: 'clock jumps of an hour, forth and back, on a relay, then on the database',
  needs: [libfaketime],
  server: {},
  async run(stage) {
    const receiver = await stage.receiver()
    const [ofRelay, ofDatabase] = [new FakeClock(stage, 'relay'), new FakeClock(stage, 'database')]
    await setServerClock(stage, ofDatabase)
    const relays = [await stage.relay('a', { env: ofRelay.env }), await stage.relay('b')]
    // Until the origins are shared.
    await stage.sleep(3_000)
    const writers = await stage.writers({ urls: [receiver.url('/mixed')], rate: 25 })
    const [before, seconds] = [thefts(relays), stage.seconds(8, 3)]
    for (const [n, offset] of [HOUR, 0, -HOUR, 0].entries()) {
      const later = { count: 50, url: () => receiver.url('/ok'), dueInMs: LATER_MS }
      await insertBulk(stage, { ...later, name: `later-${n}` })
      ofRelay.set(offset)
      stage.fault()
      await stage.sleep(seconds * 1_000)
    }
    for (const offset of [-HOUR, 0, HOUR]) {
      ofDatabase.set(offset)
      stage.fault()
      await stage.sleep(seconds * 1_000)
    }
    await writers.stop()
    const stolen = thefts(relays) - before
    const { rows } = await stage.client.query<{ ms: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
    )

    const { books } = await stage.check({ ignoreDatabaseTimes: true })
    const early = earlySends(books)
    stage.figure('early sends', early)
    stage.figure('lease theft', stolen)
    stage.bar('early sends 0', early === 0)
    stage.bar('lease theft 0', stolen === 0)
    const aheadMs = (rows[0]?.ms ?? 0) - Date.now()
    stage.bar('the clock of the database did jump', Math.abs(aheadMs - HOUR * 1_000) < 60_000)
  },
}

function thefts(relays: readonly Relay[]): number {
  return relays.reduce((sum, relay) => sum + THEFT.reduce((n, event) => n + relay.count(event), 0), 0)
}

/** By the true clock of the machine. */
function earlySends({ written, arrivals }: Books): number {
  const laters = written.filter(({ bodies }) => bodies?.[0]?.startsWith('n=later-'))
  const dueAt = new Map(laters.map(({ messageId, insertingAt }) => [messageId, insertingAt + LATER_MS - 20]))
  return arrivals.filter(({ messageId, at }) => at < (dueAt.get(messageId) ?? -Infinity)).length
}
