import type { EventName } from '../../../src/log/events.ts'
import { onlyFor } from '../claim-reply.ts'
import { now } from '../clock.ts'
import type { Relay } from '../relay.ts'
import { quickLeaseMs } from '../relay.ts'
import type { Scenario } from '../scenario.ts'

/** A session that hears nothing for so long gives up, and so does a listener: 15 s between two proofs, 5 s for one. */
const NOTICED_MS = 20_000

/** First the listener alone hears nothing any more, then all sessions of its relay, in silence: no end, no reset. */
export const scenario: Scenario = {
  number: 9,
  title: 'silent partition between one relay and the database',
  async run(stage) {
    const receiver = await stage.receiver()
    const proxy = await stage.proxy(stage.databaseUrl)
    let isDeaf = false
    proxy.watch(() =>
      onlyFor('ringback listen a', direction => (isDeaf && direction === 'to-client' ? 'drop' : 'pass')),
    )
    const options = { 'log-level': 'debug' }
    const a = await stage.relay('a', { databaseUrl: proxy.via(stage.databaseUrl), options })
    const b = await stage.relay('b', { options })
    const writers = await stage.writers({ urls: [receiver.url('/ok')], processes: 1, connections: 2, rate: 6 })
    await stage.sleep(3_000)

    isDeaf = true
    const deafAfter = await timeTo(a, 'listener_lost')
    isDeaf = false
    const more = await stage.writers({ urls: [receiver.url('/ok')], rate: 25 })
    proxy.swallow()
    const takenAfter = await timeTo(b, 'origins_divided', ({ among }) => among === 1)
    // Longer than the lease in the short form too: before that it would go on with its registration.
    await stage.sleep(stage.seconds(60, 10) * 1_000 - takenAfter)
    const noticed = a.count('database_away')
    proxy.heal()
    const backAfter = await timeTo(a, 'registered')
    await more.stop()
    await writers.stop()
    stage.fault(2)

    await stage.check()
    stage.figure('deaf listener noticed after', deafAfter, 'ms')
    stage.figure('origins taken over after', takenAfter, 'ms')
    stage.figure('back after', backAfter, 'ms')
    stage.bar('deaf listener noticed', deafAfter <= NOTICED_MS + 2_000)
    stage.bar('takeover within the lease and 5 s', takenAfter <= quickLeaseMs + 5_000)
    stage.longBar('the partitioned relay notices', noticed > 0)
  },
}

/** Milliseconds until it logs this event once more. */
async function timeTo(
  relay: Relay,
  event: EventName,
  fits: Parameters<Relay['until']>[1] = () => true,
): Promise<number> {
  const from = now()
  const known = new Set(relay.logs)
  await relay.until(event, line => !known.has(line) && fits(line), 60_000)
  return now() - from
}
