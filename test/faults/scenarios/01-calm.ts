import { percentile } from '../../fixtures/statistics.ts'
import { now } from '../clock.ts'
import { latencies } from '../figures.ts'
import type { Scenario } from '../scenario.ts'

/** No faults: what the others are compared with. */
export const scenario: Scenario = {
  number: 1,
  title: 'calm, with 1 and with 4 relays',
  async run(stage) {
    const receiver = await stage.receiver()
    const urls = [receiver.url('/ok')]
    const count = stage.isShort ? 500 : 5_000
    const phases: { readonly relays: number; readonly from: number; readonly to: number }[] = []
    let relays = 0
    for (const wanted of [1, 4]) {
      while (relays < wanted) await stage.relay(`r${++relays}`)
      // Lanes change hands while relays come.
      await stage.sleep(2_000)
      const from = now()
      const writers = await stage.writers({ urls, count, rate: 250, openMs: 20 })
      await writers.done
      await stage.drained()
      phases.push({ relays, from, to: now() })
    }
    const { books, verdict } = await stage.check()
    stage.bar('duplicates 0', verdict.duplicates === 0)
    for (const { relays, from, to } of phases) {
      const took = latencies(books, ({ insertingAt }) => insertingAt >= from && insertingAt < to)
      stage.figure(`${relays} ${relays === 1 ? 'relay' : 'relays'}: commit to arrival p50`, percentile(took, 50), 'ms')
      stage.figure('p99', percentile(took, 99), 'ms')
      stage.longBar(`${relays} relays: 10,000 arrived`, took.length >= 10_000)
    }
  },
}
