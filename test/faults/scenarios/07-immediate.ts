import { type Calm, calm, recoveryMs } from '../recovery.ts'
import type { Scenario } from '../scenario.ts'

/** As a crash of the server: every session ends at once, and what was not committed is gone. */
export const scenario: Scenario = {
  number: 7,
  title: 'the server stopped with immediate, and started again',
  server: {},
  async run(stage) {
    const receiver = await stage.receiver()
    const names = ['a', 'b']
    const relays = await Promise.all(names.map(name => stage.relay(name)))
    const writers = await stage.writers({ urls: [receiver.url('/mixed')], rate: 150 })
    const starts: Calm[] = []
    for (let n = 0; n < (stage.isShort ? 2 : 5); n += 1) {
      await stage.sleep(3_000 + 3_000 * stage.random())
      await stage.server.stop('immediate')
      stage.fault()
      await stage.sleep(2_000 * stage.random())
      await stage.server.start()
      starts.push(await calm(await stage.reconnect()))
    }
    await stage.sleep(4_000)
    await writers.stop()
    const { books } = await stage.check()
    const recoveries = starts.map(each => recoveryMs(books, each))
    stage.figure('restarts of relays', relays.filter(({ hasEnded }) => hasEnded).length)
    stage.figure('recovery, longest', Math.max(...recoveries), 'ms')
    stage.figure('commits in doubt', books.written.filter(({ committedAt }) => committedAt === 'unknown').length)
    stage.bar(
      'restarts of relays 0',
      relays.every(({ hasEnded }) => !hasEnded),
    )
    stage.longBar('five crashes', stage.faults >= 5)
  },
}
