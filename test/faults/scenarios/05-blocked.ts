import { now } from '../clock.ts'
import type { Scenario } from '../scenario.ts'
import { leaseMs, zombies } from '../zombies.ts'

/** As a garbage collection without end, or a busy loop: sockets stay alive and no code runs. */
export const scenario: Scenario = {
  number: 5,
  title: 'event loop blocked for two leases',
  async run(stage) {
    await zombies(stage, stage.isShort ? 1 : 4, async relay => {
      const goesOnAt = now() + 2 * leaseMs
      relay.block(2 * leaseMs)
      await stage.sleep(2 * leaseMs)
      return goesOnAt
    })
  },
}
