import { amend, cancel, replay } from '../acts.ts'
import { insertBulk } from '../bulk.ts'
import { now } from '../clock.ts'
import type { Scenario } from '../scenario.ts'

/** An operator replays what was delivered before, and cancels and amends what waits in long lines of slow keys. */
export const scenario: Scenario = {
  number: 19,
  title: 'replay of 10,000 rows, cancels and amendments during traffic',
  async run(stage) {
    const receiver = await stage.receiver()
    await Promise.all(['a', 'b'].map(name => stage.relay(name)))
    const count = stage.isShort ? 1_000 : 10_000
    const keyOf = (n: number) => `k${1 + (n % 200)}`
    await insertBulk(stage, { name: 'old', count, url: () => receiver.url('/ok'), key: keyOf })
    await stage.drained()

    const writers = await stage.writers({ urls: [receiver.url('/mixed')], rate: 25 })
    const lines = { name: 'line', count: stage.isShort ? 400 : 2_000, url: () => receiver.url('/slow/30') }
    await insertBulk(stage, { ...lines, key: n => `line${n % 20}` })
    const from = now()
    const done = { replays: 0, cancels: 0, amendments: 0 }
    for (let upTo = '0'; done.replays < count && now() < from + 60_000; ) {
      const some = await replay(stage, upTo, count / 20)
      upTo = some.upTo
      done.replays += some.count
      done.cancels += await cancel(stage, 'line%', 10)
      done.amendments += await amend(stage, 'line%', 20)
      // Those of the writers are amended no more: they have just come, and others wait behind them.
      done.cancels += await cancel(stage, 'k%', 5)
      stage.fault(4)
      await stage.sleep(100)
    }
    await writers.stop()
    const { verdict } = await stage.check()
    for (const [name, value] of Object.entries(done)) stage.figure(name, value)
    stage.figure('cancelled and sent', verdict.counts.phantom)
    stage.bar('all replayed', done.replays >= count)
    stage.bar('some cancelled and some amended', done.cancels > 20 && done.amendments > 20)
  },
}
