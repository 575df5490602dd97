/**
 * The figures at the end of the demo, and what has to hold between them. Pure: from the database, from the receiver's log
 * and database, and from what the scheduler knows of its own transactions.
 */
import { type Arrival, isAccepted } from './arrival.ts'
import type { Books } from './books.ts'
import type { Transaction } from './scheduler.ts'

export interface Evidence {
  readonly books: Books
  readonly arrivals: readonly Arrival[]
  readonly transactions: readonly Transaction[]
  /** In the receiver's database: the `message_id` of each. */
  readonly effects: readonly string[]
}

export interface Figures {
  readonly written: number
  readonly delivered: number
  readonly rolledBack: number
  readonly rolledBackSent: number
  /** POSTs of the relay, hence without the forged ones. */
  readonly posts: number
  /** POSTs whose signature fitted none. */
  readonly forged: number
  /** POSTs that followed one that had failed. */
  readonly retries: number
  /** POSTs that followed one after which the callback was dead or delivered. */
  readonly replays: number
  /** Arrivals behind one of a later callback with the same key. */
  readonly outOfOrder: number
  /** POSTs that the receiver verified and took: each had its effect or is a duplicate. */
  readonly taken: number
  readonly duplicates: number
  readonly effects: number
  /** Callbacks that had an effect. */
  readonly withEffect: number
  /** Arrivals without a row in outbox.attempt that says the same, and the other way round. */
  readonly unexplained: number
}

export function figures({ books, arrivals: all, transactions, effects }: Evidence): Figures {
  const rolledBack = new Set(transactions.filter(({ committed }) => !committed).flatMap(({ messageIds }) => messageIds))
  const isRolledBack = ({ messageId }: { readonly messageId: string }): boolean => rolledBack.has(messageId)
  const arrivals = all.filter(({ found }) => found !== 'refused')
  const duplicates = arrivals.filter(({ found }) => found === 'duplicate').length
  const { retries, replays } = countAgain(books)
  return {
    written: books.callbacks.length,
    delivered: books.callbacks.filter(({ status }) => status === 'delivered').length,
    rolledBack: rolledBack.size,
    rolledBackSent: arrivals.filter(isRolledBack).length + books.callbacks.filter(isRolledBack).length,
    posts: arrivals.length,
    forged: all.length - arrivals.length,
    retries,
    replays,
    outOfOrder: countOutOfOrder(books, arrivals),
    taken: arrivals.filter(({ found }) => found === 'handled').length + duplicates,
    duplicates,
    effects: effects.length,
    withEffect: books.callbacks.filter(({ messageId }) => effects.includes(messageId)).length,
    unexplained: countUnexplained(books, arrivals),
  }
}

/** Of these callbacks, those that arrived at their first attempt: milliseconds from the commit to the arrival, ascending. */
export function latencies(
  { books, arrivals, transactions }: Evidence,
  isWanted: (arrival: Arrival) => boolean,
): number[] {
  const committedAtMs = new Map<string, number>()
  for (const { xid, messageIds } of transactions) {
    const atMs = books.committedAtMs.get(xid)
    if (atMs !== undefined) for (const messageId of messageIds) committedAtMs.set(messageId, atMs)
  }
  return arrivals
    .filter(arrival => arrival.attempt === 1 && isAccepted(arrival) && isWanted(arrival))
    .map(({ messageId, atMs }) => atMs - (committedAtMs.get(messageId) ?? Number.NaN))
    .filter(ms => !Number.isNaN(ms))
    .sort((a, b) => a - b)
}

/** The middle one of ascending values; NaN for none. */
export function median(ascending: readonly number[]): number {
  const middle = ascending.length / 2
  const [low, high] = [ascending[Math.ceil(middle) - 1], ascending[Math.floor(middle)]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}

/** One sentence for each figure that is not what was promised; none when all is well. */
export function faults(all: Figures): string[] {
  const { written, delivered, rolledBack, rolledBackSent, posts, retries, replays } = all
  const found: [boolean, string][] = [
    [delivered !== written, `${written} callbacks were committed, but ${delivered} are delivered`],
    [rolledBack === 0, 'no callback was rolled back, though the scheduler was to do that'],
    [rolledBackSent > 0, `${rolledBackSent} callbacks were sent or kept though their transaction was rolled back`],
    [retries === 0, 'nothing was tried again, though a system was down'],
    [replays !== 2, `two callbacks were replayed, but ${replays} replays are on record`],
    [posts !== written + retries + replays, `${posts} POSTs arrived, but ${written + retries + replays} were due`],
    [all.outOfOrder > 0, `${all.outOfOrder} POSTs arrived out of order`],
    [all.duplicates !== 2, `two duplicates were to arrive, but the receiver has recognised ${all.duplicates}`],
    [all.effects !== written, `${written} callbacks were committed, but the receiver has ${all.effects} effects`],
    [all.withEffect !== written, `${written} callbacks were committed, but ${all.withEffect} had an effect`],
    [all.forged !== 1, `one POST was forged, but ${all.forged} were refused`],
    [all.unexplained > 0, `${all.unexplained} POSTs differ between the receiver's log and outbox.attempt`],
  ]
  return found.filter(([isBroken]) => isBroken).map(([, sentence]) => sentence)
}

function countAgain({ attempts }: Books): Pick<Figures, 'retries' | 'replays'> {
  const outcomes = new Map(attempts.map(({ messageId, attempt, outcome }) => [`${messageId} ${attempt}`, outcome]))
  const before = attempts.flatMap(({ messageId, attempt }) => outcomes.get(`${messageId} ${attempt - 1}`) ?? [])
  const settling = before.filter(outcome => outcome === 'rejected' || outcome === 'delivered')
  return { retries: before.length - settling.length, replays: settling.length }
}

function countOutOfOrder({ callbacks }: Books, arrivals: readonly Arrival[]): number {
  const byMessage = new Map(callbacks.map(callback => [callback.messageId, callback]))
  const newest = new Map<string, bigint>()
  let count = 0
  for (const { messageId } of arrivals) {
    const callback = byMessage.get(messageId)
    if (!callback || callback.orderingKey === null) continue
    const before = newest.get(callback.orderingKey) ?? 0n
    if (BigInt(callback.id) < before) count += 1
    else newest.set(callback.orderingKey, BigInt(callback.id))
  }
  return count
}

function countUnexplained({ attempts }: Books, arrivals: readonly Arrival[]): number {
  const recorded = attempts.map(({ messageId, attempt, httpStatus }) => `${messageId} ${attempt} ${httpStatus}`)
  const arrived = arrivals.map(({ messageId, attempt, answer }) => `${messageId} ${attempt} ${answer}`)
  const [isRecorded, hasArrived] = [new Set(recorded), new Set(arrived)]
  const repeated = arrived.length - hasArrived.size
  return (
    repeated +
    recorded.filter(each => !hasArrived.has(each)).length +
    arrived.filter(each => !isRecorded.has(each)).length
  )
}
