/**
 * The figures at the end of the demo, and what has to hold between them. Pure: from the database, from the receiver's log
 * and database, and from what the scheduler knows of its own transactions.
 */
import { type Arrival, isAccepted } from './receiver.ts'
import type { Transaction } from './scheduler.ts'

export interface Evidence {
  readonly callbacks: readonly {
    readonly id: string
    readonly messageId: string
    readonly orderingKey: string | null
    readonly status: string
  }[]
  /** Of `outbox.attempt`, in the order in which they started. */
  readonly attempts: readonly {
    readonly messageId: string
    readonly attempt: number
    readonly outcome: string
    readonly httpStatus: number | null
  }[]
  readonly arrivals: readonly Arrival[]
  readonly transactions: readonly Transaction[]
  /** In the receiver's database: the `message_id` of each. */
  readonly effects: readonly string[]
}

export type Figures = ReturnType<typeof figures>

export function figures({ callbacks, attempts, arrivals: all, transactions, effects }: Evidence) {
  const rolledBack = new Set(transactions.flatMap(each => (each.committed ? [] : each.messageIds)))
  const isRolledBack = ({ messageId }: { readonly messageId: string }) => rolledBack.has(messageId)
  const arrivals = all.filter(({ found }) => found !== 'refused')
  const found = (what: Arrival['found']) => arrivals.filter(each => each.found === what).length
  const outcomes = new Map(attempts.map(each => [`${each.messageId} ${each.attempt}`, each.outcome]))
  const before = attempts.flatMap(each => outcomes.get(`${each.messageId} ${each.attempt - 1}`) ?? [])
  const replays = before.filter(outcome => outcome === 'rejected' || outcome === 'delivered').length
  const recorded = attempts.map(each => `${each.messageId} ${each.attempt} ${each.httpStatus}`)
  const arrived = arrivals.map(each => `${each.messageId} ${each.attempt} ${each.answer}`)
  return {
    written: callbacks.length,
    delivered: callbacks.filter(({ status }) => status === 'delivered').length,
    rolledBack: rolledBack.size,
    rolledBackSent: arrivals.filter(isRolledBack).length + callbacks.filter(isRolledBack).length,
    /** POSTs of the relay, hence without those whose signature fitted none. */
    posts: arrivals.length,
    forged: all.length - arrivals.length,
    /** POSTs that followed one that had failed; replays followed one after which the callback was dead or delivered. */
    retries: before.length - replays,
    replays,
    outOfOrder: countOutOfOrder(callbacks, arrivals),
    taken: found('handled') + found('duplicate'),
    duplicates: found('duplicate'),
    effects: effects.length,
    withEffect: callbacks.filter(({ messageId }) => effects.includes(messageId)).length,
    /** Arrivals without a row in outbox.attempt that says the same, and the other way round. */
    unexplained: differences(recorded, arrived) + differences(arrived, recorded),
  }
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
  return found.flatMap(([isBroken, sentence]) => (isBroken ? [sentence] : []))
}

/** Of the callbacks that arrived at their first attempt: milliseconds from the commit to the arrival, ascending. */
export function latencies({ arrivals, transactions }: Evidence, isWanted: (arrival: Arrival) => boolean): number[] {
  const committedAt = new Map(transactions.flatMap(each => each.messageIds.map(id => [id, each.endedAtMs])))
  return arrivals
    .filter(each => each.attempt === 1 && isAccepted(each) && isWanted(each))
    .map(({ messageId, atMs }) => atMs - (committedAt.get(messageId) ?? Number.NaN))
    .filter(ms => !Number.isNaN(ms))
    .sort((a, b) => a - b)
}

/** Arrivals behind one of a later callback with the same key. */
function countOutOfOrder(callbacks: Evidence['callbacks'], arrivals: readonly Arrival[]): number {
  const byMessage = new Map(callbacks.map(callback => [callback.messageId, callback]))
  const newest = new Map<string, bigint>()
  let count = 0
  for (const { messageId } of arrivals) {
    const { id, orderingKey } = byMessage.get(messageId) ?? {}
    if (id === undefined || orderingKey == null) continue
    if (BigInt(id) < (newest.get(orderingKey) ?? 0n)) count += 1
    else newest.set(orderingKey, BigInt(id))
  }
  return count
}

/** How many of the one list are not in the other; one that stands twice is too many once. */
function differences(some: readonly string[], others: readonly string[]): number {
  const known = new Set(others)
  return some.length - [...new Set(some)].filter(each => known.has(each)).length
}
