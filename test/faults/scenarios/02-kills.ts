import { between } from '../../fixtures/random.ts'
import { checkEffects, Effects } from '../effects.ts'
import type { Scenario } from '../scenario.ts'

/**
 * Each is started again at once, as a process manager would, and registers anew. The receiver gives callbacks an
 * effect in its database through the inbox, so copies may come, and effects are counted.
 */
export const scenario: Scenario = {
  number: 2,
  title: 'kill -9 of a random relay every 300 to 1,500 ms',
  async run(stage) {
    await Effects.prepare(stage.client)
    const receiver = await stage.receiver({ effectsUrl: stage.databaseUrl })
    const names = ['a', 'b']
    const relays = await Promise.all(names.map(name => stage.relay(name)))
    const writers = await stage.writers({ urls: [receiver.url('/mixed')], rate: 75 })
    const kills = stage.isShort ? 6 : 60
    for (let kill = 0; kill < kills; kill += 1) {
      await stage.sleep(between(stage.random, 300, 1_500))
      const at = Math.floor(stage.random() * names.length)
      const victim = relays[at]
      const name = names[at]
      if (victim === undefined || name === undefined) throw new Error('a relay is missing')
      // One that is still starting does nothing that a kill could interrupt.
      await victim.until('registered')
      victim.kill('SIGKILL')
      await victim.ended
      stage.fault()
      relays[at] = stage.startRelay(name)
    }
    await writers.stop()
    const { verdict } = await stage.check()
    stage.figure('duplicates a kill', verdict.duplicates / stage.faults)
    await checkEffects(stage)
    stage.longBar('60 kills', stage.faults >= 60)
  },
}
