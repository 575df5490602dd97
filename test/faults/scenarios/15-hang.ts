import { hangingNames, type Names } from '../names.ts'
import type { Scenario } from '../scenario.ts'
import { during, latencyIn } from '../windows.ts'

const HANGING = 8
/** So many that connections are closed while idle, and names are looked up again and again. */
const WELL = 40
const FRESH = 400
const HEALTHY = 'healthy'
const FIRST_SEEN = 'first'

/**
 * One origin takes connections and says nothing; with root, eight further ones have names that nobody answers for, while all
 * others have names that are answered, some of them never heard before.
 */
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
    const { [HEALTHY]: urls = [receiver.url('/ok')], ...others } = names === null ? {} : namedUrls(names, receiver.port)
    const well = await stage.writers({ ...load, urls, keyPrefix: HEALTHY })
    // Until both relays have heard of each name.
    await stage.sleep(names === null ? 2_000 : 10_000)
    const calm = await during(() => stage.sleep(stage.seconds(15, 4) * 1_000))

    hanging.swallow()
    const ill = await stage.writers({ ...load, urls: [hanging.via(receiver.url('/ok'))], keyPrefix: 'ill' })
    const heard = Object.entries(others).map(([keyPrefix, urls]) =>
      stage.writers({ ...load, rate: 8, urls, keyPrefix }),
    )
    const named = await Promise.all(heard)
    const hung = await during(() => stage.sleep(stage.seconds(30, 8) * 1_000))
    for (const writers of [ill, ...named, well]) await writers.stop()
    hanging.heal()
    names?.heal()
    stage.fault(names === null ? 1 : 1 + HANGING)

    const { books } = await stage.check()
    const p99 = (window: typeof calm, prefix: string) =>
      latencyIn(books, window, 99, ({ key }) => key?.startsWith(prefix) ?? false)
    const [before, after] = [p99(calm, HEALTHY), p99(hung, HEALTHY)]
    stage.figure('hanging names', names === null ? 0 : HANGING)
    stage.figure('healthy p99: calm', before, 'ms')
    stage.figure('while they hang', after, 'ms')
    if (names !== null) stage.figure('names first seen then', p99(hung, FIRST_SEEN), 'ms')
    stage.bar(
      'some attempts hung',
      books.attempts.some(({ outcome }) => outcome === 'unknown'),
    )
    const unsent = books.attempts.filter(({ outcome }) => outcome === 'not_sent').length
    stage.bar('some names hung', names === null || unsent > 0)
    stage.longBar('healthy p99 less than twice the calm one', after < 2 * before)
  },
}

/** Urls of names, by the prefix of their callbacks' keys. */
function namedUrls({ well, hanging }: Names, port: number): Readonly<Record<string, readonly string[]>> {
  const urls = (count: number, name: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => `http://${name(n)}:${port}/ok`)
  return {
    [HEALTHY]: urls(WELL, well),
    unheard: urls(HANGING, hanging),
    [FIRST_SEEN]: urls(FRESH, n => well(WELL + n)),
  }
}
