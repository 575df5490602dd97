import type { Books } from './books.ts'
import type { WrittenLine } from './transaction.ts'

/** Milliseconds from sending COMMIT to the first arrival, of each callback that fits and arrived. */
export function latencies({ written, arrivals }: Books, fits: (line: WrittenLine) => boolean = () => true): number[] {
  const arrivedAt = new Map<string, number>()
  for (const { messageId, at } of arrivals) arrivedAt.set(messageId, Math.min(at, arrivedAt.get(messageId) ?? Infinity))
  return written.filter(fits).flatMap(({ messageId, committingAt }) => {
    const at = arrivedAt.get(messageId)
    return at === undefined || committingAt === null ? [] : [at - committingAt]
  })
}
