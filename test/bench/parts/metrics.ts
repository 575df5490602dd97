import { freePort } from '../../fixtures/postgres/port.ts'
import type { Contestant } from '../contestants/contestant.ts'
import { relay, ringback } from '../contestants/ringback.ts'
import { drain, noteDrained } from '../drain.ts'
import { Receiver } from '../receiving.ts'
import type { Round, Stage } from '../stage.ts'

/** As often as a Prometheus in a hurry. */
const SCRAPE_MS = 5_000

/** 100,000 waiting callbacks to four receivers: without metrics, and with metrics that are scraped each five seconds. */
export async function metricsPart(stage: Stage): Promise<void> {
  const receiver = new Receiver()
  const urls = await receiver.urls(4)
  const load = { rows: stage.rows(100_000), keys: 'pairs', urls } as const
  const round = (contestant: Contestant): Round => {
    return async note =>
      noteDrained(note, await drain(contestant, { server: stage.server, receiver, load, capSeconds: 180 }))
  }
  await stage.interleave({ ringback: round(ringback()), 'ringback, scraped': round(scraped(await freePort())) }, 5)
  await receiver.stop()
}

function scraped(port: number): Contestant {
  return {
    ...ringback(),
    start(database) {
      const process = relay(database, { listen: `127.0.0.1:${port}` })
      const scrape = () =>
        fetch(`http://127.0.0.1:${port}/metrics`)
          .then(answer => answer.text())
          .catch(() => {})
      const timer = setInterval(scrape, SCRAPE_MS)
      void process.ended.then(() => clearInterval(timer))
      return process
    },
  }
}
