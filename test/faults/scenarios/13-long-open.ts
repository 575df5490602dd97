import { percentile } from '../../fixtures/statistics.ts'
import { latencies } from '../figures.ts'
import type { Scenario } from '../scenario.ts'

/**
 * One key has transactions that stay open for seconds, so that its ids become visible long after higher ones; a second writer
 * waits for the same row. The others roll back, use savepoints and commit in any order.
 */
export const scenario: Scenario = {
  number: 13,
  title: 'a long-open writer on one key, many on others',
  async run(stage) {
    const receiver = await stage.receiver()
    const urls = [receiver.url('/mixed')]
    await stage.relay('a')
    await stage.relay('b')
    const openMs = stage.isShort ? 3_000 : 12_000
    const long = { urls, processes: 1, keyPrefix: 'long', keys: 1, keyless: 0, unlocked: 0, connections: 2, openMs }
    const patient = await stage.writers(long)
    const busy = await stage.writers({ urls, rate: 120, rolledBack: 0.3, unlocked: 0.2, openMs: 200 })
    await stage.sleep(stage.seconds(40, 8) * 1_000)
    await busy.stop()
    await patient.stop()
    const { books } = await stage.check()
    const isLong = (key: string | null) => key?.startsWith('long') === true
    const others = latencies(books, ({ key }) => !isLong(key))
    const own = books.written.filter(({ key, committedAt }) => isLong(key) && committedAt !== null)
    stage.figure('rolled back', books.written.filter(({ committedAt }) => committedAt === null).length)
    stage.figure('committed late', own.length)
    stage.figure('other keys: commit to arrival p50', percentile(others, 50), 'ms')
    stage.figure('p99', percentile(others, 99), 'ms')
    stage.bar('the long-open writer wrote', own.length > 0)
  },
}
