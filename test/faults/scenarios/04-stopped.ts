import { now } from '../clock.ts'
import type { Scenario } from '../scenario.ts'
import { leaseMs, zombies } from '../zombies.ts'

export const scenario: Scenario = {
  number: 4,
  title: 'SIGSTOP for three leases, with POSTs in flight and others not yet connected',
  async run(stage) {
    await zombies(stage, stage.isShort ? 1 : 3, async relay => {
      relay.kill('SIGSTOP')
      await stage.sleep(3 * leaseMs)
      const goesOnAt = now()
      relay.kill('SIGCONT')
      return goesOnAt
    })
  },
}
