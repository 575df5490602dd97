import type { Scenario } from '../scenario.ts'
import { during, latencyIn, type Window } from '../windows.ts'

/** Rows a second to the paths that stay well, and to each of the others. */
const RATE = 100
const RATE_OF_ILL = 20
const HEALTHY = 'healthy'
const WELL = ['/slow/20/a', '/slow/20/b', '/slow/20/c']
const ILL = ['/ill/hang', '/ill/429', '/ill/503']

/** One origin, many paths behind it: three of them become ill, and the others must not feel it. */
export const scenario: Scenario = {
  number: 26,
  title: 'a gateway: one path of an origin hangs, one answers 429 with Retry-After, one 503',
  async run(stage) {
    const receiver = await stage.receiver()
    await stage.relay('a', { options: { 'retry-base': '1s' } })
    const write = (keyPrefix: string, paths: readonly string[], rate: number) =>
      stage.steadyWriters({
        urls: paths.map(path => receiver.url(path, '127.0.0.1')),
        keyPrefix,
        rate,
      })
    const writers = [await write(HEALTHY, WELL, RATE), await write('ill', ILL, ILL.length * RATE_OF_ILL)]
    await stage.sleep(stage.seconds(5, 2) * 1_000)
    const calm = await during(() => stage.sleep(stage.seconds(20, 5) * 1_000))

    receiver.program.send('ill')
    stage.fault(ILL.length)
    const ill = await during(() => stage.sleep(stage.seconds(60, 8) * 1_000))
    for (const each of writers) await each.stop()
    receiver.program.send('well')

    const { books } = await stage.check({ mayDie: true, withinMs: 300_000 })
    const rate = ({ from, to }: Window) =>
      (1_000 * books.arrivals.filter(({ path, at }) => WELL.includes(path) && at >= from && at < to).length) /
      (to - from)
    const p99 = (window: Window) => latencyIn(books, window, 99, ({ key }) => key?.startsWith(HEALTHY) ?? false)
    stage.figure('the other paths: calm', rate(calm), 'a second')
    stage.figure('while three are ill', rate(ill), 'a second')
    stage.figure('p99: calm', p99(calm), 'ms')
    stage.figure('then', p99(ill), 'ms')
    const was = (is: (each: (typeof books.attempts)[number]) => boolean) => books.attempts.some(is)
    stage.bar(
      'each kind of illness was met',
      was(({ outcome, httpStatus }) => outcome === 'unknown' && httpStatus === null) &&
        was(({ httpStatus }) => httpStatus === 429) &&
        was(({ httpStatus }) => httpStatus === 503),
    )
    stage.longBar('the other paths have 0.9 of the calm rate', rate(ill) >= 0.9 * rate(calm))
  },
}
