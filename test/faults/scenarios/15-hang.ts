import { hangingNames } from '../names.ts'
import type { Scenario } from '../scenario.ts'
import { during, latencyIn } from '../windows.ts'

const NAMES = 8
const HEALTHY = 'healthy'

/** One origin takes connections and says nothing; with root, eight further ones have names that nobody answers for. */
export const scenario: Scenario = {
  number: 15,
  title: 'one origin hangs with half of all traffic, and eight names hang',
  async run(stage) {
    const receiver = await stage.receiver()
    const hanging = await stage.proxy(receiver.url('/'))
    const names = await hangingNames(stage)
    const how = names === null ? {} : { prefix: names.prefix }
    await stage.relay('a', how)
    await stage.relay('b', how)
    const load = { processes: 1, connections: 4, rate: 40, openMs: 5 }
    const well = await stage.writers({ ...load, urls: [receiver.url('/ok')], keyPrefix: HEALTHY })
    await stage.sleep(2_000)
    const calm = await during(() => stage.sleep(stage.seconds(15, 4) * 1_000))

    hanging.swallow()
    const ill = await stage.writers({ ...load, urls: [hanging.via(receiver.url('/ok'))], keyPrefix: 'ill' })
    const named = Array.from({ length: NAMES }, (_, n) => `http://name${n}.invalid:${receiver.port}/ok`)
    const unheard = names && (await stage.writers({ ...load, rate: 8, urls: named, keyPrefix: 'unheard' }))
    const hung = await during(() => stage.sleep(stage.seconds(30, 8) * 1_000))
    await ill.stop()
    await unheard?.stop()
    await well.stop()
    hanging.heal()
    names?.answer()
    stage.fault(names === null ? 1 : 1 + NAMES)

    const { books } = await stage.check()
    const fits = ({ key }: { key: string | null }) => key?.startsWith(HEALTHY) ?? false
    const [before, after] = [calm, hung].map(window => latencyIn(books, window, 99, fits))
    stage.figure('hanging names', names === null ? 0 : NAMES)
    stage.figure('healthy p99: calm', before ?? NaN, 'ms')
    stage.figure('while they hang', after ?? NaN, 'ms')
    stage.bar(
      'some attempts hung',
      books.attempts.some(({ outcome }) => outcome === 'unknown'),
    )
    const unsent = books.attempts.filter(({ outcome }) => outcome === 'not_sent').length
    stage.bar('some names hung', names === null || unsent > 0)
    stage.longBar('healthy p99 less than twice the calm one', (after ?? NaN) < 2 * (before ?? NaN))
  },
}
