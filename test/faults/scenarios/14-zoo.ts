import { animals } from '../animals.ts'
import { linux, watchMegabytes } from '../footprint.ts'
import type { Scenario } from '../scenario.ts'
import { during, latencyIn } from '../windows.ts'
import type { ZooPorts } from '../zoo.ts'

const DEADLINE_MS = 2_000
const HEALTHY = 'healthy'

/** Half of the traffic goes to receivers of every bad habit, the other half to one that is well. */
export const scenario: Scenario = {
  number: 14,
  title: `a zoo of ${Object.keys(animals).length} receivers`,
  needs: [linux],
  async run(stage) {
    const receiver = await stage.receiver()
    const zoo = stage.program('zoo', 'zoo.ts', { file: stage.file('arrivals') })
    const { ports } = await zoo.message<ZooPorts>()
    const urls = Object.entries(ports).map(([name, port]) => `http://127.0.0.1:${port}/${encodeURIComponent(name)}`)
    const relays = [await stage.relay('a'), await stage.relay('b')]
    const load = { processes: 1, connections: 4, rate: 30, openMs: 5 }
    const well = await stage.writers({ ...load, urls: [receiver.url('/ok')], keyPrefix: HEALTHY })
    const calm = await during(() => stage.sleep(stage.seconds(15, 4) * 1_000))
    const ill = await stage.writers({ ...load, urls, keyPrefix: 'ill' })
    const sizes = watchMegabytes(relays.map(relay => relay.program.pid))
    const open = await during(() => stage.sleep(stage.seconds(40, 8) * 1_000))
    await ill.stop()
    await well.stop()
    const grownBy = sizes.end()
    stage.fault(urls.length)

    const { books } = await stage.check()
    zoo.send('visits')
    const { visits } = await zoo.message<{ visits: number }>()
    const took = books.attempts.map(({ startedAt, finishedAt }) => finishedAt - startedAt)
    const longest = took.reduce((longest, each) => Math.max(longest, each), 0)
    const fed = new Set(books.arrivals.map(({ path }) => path))
    const fits = ({ key }: { key: string | null }) => key?.startsWith(HEALTHY) ?? false
    stage.figure('longest attempt', longest, 'ms')
    stage.figure('memory grown by', grownBy, 'MB')
    stage.figure('healthy p99: calm', latencyIn(books, calm, 99, fits), 'ms')
    stage.figure('with the zoo', latencyIn(books, open, 99, fits), 'ms')
    stage.figure('visits to the honeypot', visits)
    stage.bar('no attempt past its deadline and a second', longest <= DEADLINE_MS + 1_000)
    stage.bar('no redirect followed', visits === 0)
    stage.bar('memory flat', grownBy < 48)
    stage.bar(
      'every animal was fed',
      urls.every(url => fed.has(new URL(url).pathname)),
    )
  },
}
