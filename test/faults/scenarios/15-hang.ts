import type { Receiver, Writers } from '../cast.ts'
import { hangingNames, type Names } from '../names.ts'
import type { Scenario } from '../scenario.ts'
import { during, latencyIn } from '../windows.ts'

const HANGING = 8
/** So many that connections are closed while idle, and names are looked up again and again. */
const WELL = 40
const FRESH = 400
const HEALTHY = 'healthy'
const FIRST_SEEN = 'first'
const ILL = 'ill'

/**
 * One origin takes connections and says nothing; with root, eight further ones have names that nobody answers for, while all
 * others have names that are answered, some of them never heard before. As much is written before they hang.
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
    const { healthy, atFirst, later } = urlsOf(names, { receiver, hanging: hanging.via(receiver.url('/ok')) })
    const load = { processes: 1, connections: 4, rate: 40, openMs: 5 }
    const well = await stage.writers({ ...load, urls: healthy, keyPrefix: HEALTHY })
    // Until both relays have heard of each name.
    await stage.sleep(names === null ? 2_000 : 10_000)

    const write = (others: Others): Promise<Writers[]> =>
      Promise.all(
        Object.entries(others).map(([keyPrefix, urls]) =>
          stage.writers({ ...load, urls, keyPrefix, rate: keyPrefix === ILL ? load.rate : 8 }),
        ),
      )
    const calmly = await write(atFirst)
    const calm = await during(() => stage.sleep(stage.seconds(30, 6) * 1_000))
    for (const writers of calmly) await writers.stop()

    hanging.swallow()
    const meanwhile = await write(later)
    const hung = await during(() => stage.sleep(stage.seconds(30, 8) * 1_000))
    for (const writers of [...meanwhile, well]) await writers.stop()
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

/** Where callbacks go beside the healthy ones, by the prefix of their keys. */
type Others = Readonly<Record<string, readonly string[]>>

interface Urls {
  readonly healthy: readonly string[]
  /** Before anything hangs, and from then on: as many, so that nothing but the hanging differs. */
  readonly atFirst: Others
  readonly later: Others
}

function urlsOf(names: Names | null, given: { readonly receiver: Receiver; readonly hanging: string }): Urls {
  const { receiver, hanging } = given
  const ill = { [ILL]: [hanging] }
  if (names === null) return { healthy: [receiver.url('/ok')], atFirst: ill, later: ill }
  const urls = (count: number, name: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => `http://${name(n)}:${receiver.port}/ok`)
  const wellFrom = (first: number, count: number) => urls(count, n => names.well(first + n))
  const unheardFrom = WELL + 2 * FRESH
  return {
    healthy: wellFrom(0, WELL),
    atFirst: { ...ill, unheard: wellFrom(unheardFrom, HANGING), [FIRST_SEEN]: wellFrom(WELL, FRESH) },
    later: { ...ill, unheard: urls(HANGING, names.hanging), [FIRST_SEEN]: wellFrom(WELL + FRESH, FRESH) },
  }
}
