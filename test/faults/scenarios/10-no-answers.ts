import { between } from '../../fixtures/random.ts'
import type { Books } from '../books.ts'
import type { Scenario } from '../scenario.ts'

/** Requests arrive and are taken; their answers do not come back. In the end connections either live on or are reset. */
export const scenario: Scenario = {
  number: 10,
  title: 'partition between relay and receiver after the request, before the answer',
  async run(stage) {
    const receiver = await stage.receiver()
    const proxy = await stage.proxy(receiver.url('/'))
    await stage.relay('a')
    await stage.relay('b')
    const writers = await stage.writers({ urls: [proxy.via(receiver.url('/ok'))], rate: 100 })
    const faults = stage.isShort ? 2 : 12
    for (let n = 1; n <= faults; n += 1) {
      await stage.sleep(between(stage.random, 1_000, 2_000))
      proxy.swallow('to-client')
      stage.fault()
      await stage.sleep(between(stage.random, 500, 4_000))
      // Only a reset loses answers, and a short run may draw none.
      if (stage.random() < 0.5 || n === faults) proxy.reset()
      proxy.heal()
    }
    await writers.stop()
    const { books, verdict } = await stage.check()
    const unknown = books.attempts.filter(({ outcome }) => outcome === 'unknown').length
    const others = repeatedOtherwise(books)
    stage.figure('attempts unknown', unknown)
    stage.figure('arrived again, earlier attempt not unknown', others)
    stage.bar('answers were lost', unknown > 0 && verdict.duplicates > 0)
    stage.bar('each that arrived again was unknown before', others === 0)
  },
}

/** The receiver takes everything: whoever comes again must have an attempt before that is on record as unknown. */
function repeatedOtherwise({ arrivals, attempts }: Books): number {
  const unknown = new Set(
    attempts.filter(({ outcome }) => outcome === 'unknown').map(each => `${each.messageId} ${each.attempt}`),
  )
  const last = new Map<string, number>()
  for (const { messageId, attempt } of arrivals) last.set(messageId, Math.max(attempt, last.get(messageId) ?? 0))
  const earlier = arrivals.filter(({ messageId, attempt }) => attempt < (last.get(messageId) ?? 0))
  return earlier.filter(({ messageId, attempt }) => !unknown.has(`${messageId} ${attempt}`)).length
}
