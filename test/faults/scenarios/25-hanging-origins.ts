import type { Writers } from '../cast.ts'
import type { Scenario } from '../scenario.ts'
import { during, latencyIn, type Window } from '../windows.ts'

const ORIGINS = 1_000
const HANGING = 300
/** Rows a second over all. */
const RATE = 200
const HEALTHY = 'healthy'
const NEW = 'new'
const ILL = 'ill'

/** Of a thousand receivers that were all well three hundred stop answering, and healthy ones are met for the first time meanwhile. */
export const scenario: Scenario = {
  number: 25,
  title: '300 of 1,000 origins hang for good, with 30 % of all traffic; new healthy origins appear meanwhile',
  async run(stage) {
    const receiver = await stage.receiver()
    const hanging = await stage.receiver({ backlog: 4_096 })
    await stage.relay('a', { options: { 'max-attempts': 3, 'retry-base': '1s' } })
    const urls = (port: number | string, from: number, count: number) =>
      Array.from({ length: count }, (_, n) => `http://127.0.${1 + ((from + n) >> 8)}.${(from + n) % 256}:${port}/ok`)
    const healthy = urls(receiver.port, 0, ORIGINS - HANGING)
    const ill = urls(hanging.port, 0, HANGING)
    const write = (keyPrefix: string, to: readonly string[], rate: number): Promise<Writers> =>
      stage.steadyWriters({
        urls: to,
        keyPrefix,
        rate,
      })

    const writers = [await write(HEALTHY, healthy, RATE * 0.7), await write(ILL, ill, RATE * 0.3)]
    const met = [await write(NEW, urls(receiver.port, 2_000, 100), 5)]
    await stage.sleep(stage.seconds(10, 3) * 1_000)
    const calm = await during(() => stage.sleep(stage.seconds(20, 5) * 1_000))
    for (const each of met) await each.stop()

    hanging.program.kill('SIGSTOP')
    stage.fault(HANGING)
    writers.push(await write(NEW, urls(receiver.port, 3_000, 400), 5))
    const first = await during(() => stage.sleep(10_000))
    const then = await during(() => stage.sleep(stage.seconds(40, 5) * 1_000))
    for (const each of writers) await each.stop()
    hanging.program.kill('SIGCONT')

    const { books } = await stage.check({ mayDie: true, withinMs: 300_000 })
    const p = (window: Window, percent: number) =>
      latencyIn(books, window, percent, ({ key }) => key?.startsWith(HEALTHY) || key?.startsWith(NEW) || false)
    stage.figure('healthy p99: calm', p(calm, 99), 'ms')
    stage.figure('longest in the first 10 s', p(first, 100), 'ms')
    stage.figure('healthy p99 after that', p(then, 99), 'ms')
    stage.bar(
      'many attempts hung',
      books.attempts.filter(({ outcome }) => outcome === 'unknown').length >= stage.seconds(HANGING, 1),
    )
    stage.longBar('healthy p99 at most twice the calm one', p(then, 99) <= 2 * p(calm, 99))
    stage.longBar('in the first 10 s none waits longer than 3 s', p(first, 100) <= 3_000)
  },
}
