import { insertBulk } from '../bulk.ts'
import type { Scenario } from '../scenario.ts'
import { during, latencyIn } from '../windows.ts'

const HEALTHY = 'healthy'
/** Behind each head, whose receiver says 500. */
const FOLLOWERS = 2

/**
 * Keys whose heads fail, again and again, with followers behind them: together more rows than memory may hold, all of one
 * origin. Healthy keys of the same origin must not notice.
 */
export const scenario: Scenario = {
  number: 27,
  title: 'thousands of keys with failing heads and followers, more than memory holds; healthy keys of the same origin',
  async run(stage) {
    const receiver = await stage.receiver({ hosts: ['127.0.0.1'] })
    await stage.relay('a', {
      options: {
        'memory-rows': 1_000,
        'breaker-failures': 0,
        'retry-base': '5s',
        'retry-cap': '10s',
        'max-attempts': 4,
      },
    })
    const well = { urls: [receiver.url('/ok')], processes: 1, connections: 4, rate: 40, openMs: 5, keyPrefix: HEALTHY }
    const calmly = await stage.writers(well)
    const calm = await during(() => stage.sleep(stage.seconds(20, 5) * 1_000))
    await calmly.stop()

    const keys = stage.seconds(5_000, 600)
    const failing = { count: keys * (1 + FOLLOWERS), key: (n: number) => `failing${n % keys}` }
    await insertBulk(stage, {
      ...failing,
      name: 'failing',
      url: n => receiver.url(n < keys ? '/status/500' : '/ok'),
      maxAttempts: 3,
    })
    stage.fault()
    const writers = await stage.writers(well)
    const meanwhile = await during(() => stage.sleep(stage.seconds(30, 8) * 1_000))
    await writers.stop()

    const { books } = await stage.check({ mayDie: true, withinMs: 300_000 })
    const p99 = (window: typeof calm) => latencyIn(books, window, 99, ({ key }) => key?.startsWith(HEALTHY) ?? false)
    const unsent = books.callbacks.filter(({ key, status }) => key?.startsWith(HEALTHY) && status !== 'delivered')
    const longest = latencyIn(books, meanwhile, 100, ({ key }) => key?.startsWith(HEALTHY) ?? false)
    stage.figure('healthy p99: calm', p99(calm), 'ms')
    stage.figure('beside failing heads', p99(meanwhile), 'ms')
    stage.figure('longest', longest, 'ms')
    stage.bar('all healthy ones are delivered', unsent.length === 0)
    stage.longBar('none of them waits for the heads, which are retried after seconds', longest < 4_000)
  },
}
