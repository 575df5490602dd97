import { type Draft, history, withoutDelivered } from '../fixtures/history.ts'
import type { CallbackRow, CheckOptions, ViolationKind } from './history.ts'

/** One planted fault, and the kind of violation that the checker must find, and no other. */
export interface Mutant {
  readonly name: string
  readonly kind: ViolationKind
  readonly options?: CheckOptions
  /** Planted into the history of a relay that deletes delivered rows at once. */
  readonly keepsNothing?: boolean
  /** Plants the fault, and returns the message id of the callback that the checker must name. */
  readonly plant: (draft: Draft) => string
}

const drained = { drained: true }
/** How long delivered rows are kept, in milliseconds. */
export const keptMs = 5_000

export const mutants: readonly Mutant[] = [
  {
    name: 'a committed row is not in the table',
    kind: 'lost',
    plant: draft => {
      const row = pick(draft.callbacks, ({ messageId, attempts, key }) => {
        return attempts === 0 && key === null && known(draft, messageId)
      })
      draft.callbacks.splice(draft.callbacks.indexOf(row), 1)
      return row.messageId
    },
  },
  {
    name: 'a row is still pending at the end',
    kind: 'lost',
    options: drained,
    plant: draft => {
      const { messageId, id } = simple(draft)
      take(draft.arrivals, arrival => arrival.messageId === messageId)
      take(draft.attempts, attempt => attempt.messageId === messageId)
      Object.assign(
        pick(draft.callbacks, row => row.id === id),
        { status: 'pending', attempts: 0, settledAt: null },
      )
      return messageId
    },
  },
  {
    name: 'a row is dead without a reason',
    kind: 'lost',
    plant: draft => {
      const row = pick(draft.callbacks, ({ status }) => status === 'dead')
      row.lastError = null
      return row.messageId
    },
  },
  {
    name: 'a row is superseded by none',
    kind: 'lost',
    plant: draft => superseded(draft, () => '9999'),
  },
  {
    name: 'a row is superseded by an older one',
    kind: 'lost',
    plant: draft => superseded(draft, ({ id }) => pick(draft.callbacks, each => Number(each.id) < Number(id)).id),
  },
  {
    name: 'a row is superseded by one of another key',
    kind: 'lost',
    plant: draft =>
      superseded(
        draft,
        ({ id, key }) => pick(draft.callbacks, each => Number(each.id) > Number(id) && each.key !== key).id,
      ),
  },
  {
    name: 'a row is deleted while it waits',
    kind: 'lost',
    plant: draft => {
      const { messageId, id } = simple(draft)
      take(draft.arrivals, arrival => arrival.messageId === messageId)
      take(draft.attempts, attempt => attempt.messageId === messageId)
      const row = pick(draft.callbacks, each => each.id === id)
      Object.assign(row, { status: 'pending', attempts: 0, settledAt: null, deletedAt: row.createdAt + 1_000_000 })
      return messageId
    },
  },
  {
    name: 'a delivered row is deleted before its time',
    kind: 'lost',
    plant: draft => {
      const { id, messageId } = simple(draft)
      const row = pick(draft.callbacks, each => each.id === id)
      row.deletedAt = (row.settledAt ?? 0) + keptMs - 1
      return messageId
    },
  },
  {
    name: 'a dead row is deleted with the delivered ones',
    kind: 'lost',
    plant: draft => {
      const row = pick(draft.callbacks, ({ status }) => status === 'dead')
      row.deletedAt = (row.settledAt ?? 0) + keptMs
      return row.messageId
    },
  },
  {
    name: 'a cancelled row is deleted before its time',
    kind: 'lost',
    options: { keptDeadMs: 2 * keptMs },
    plant: draft => {
      const row = pick(draft.callbacks, ({ status }) => status === 'cancelled')
      row.deletedAt = (row.settledAt ?? 0) + 2 * keptMs - 1
      return row.messageId
    },
  },
  {
    name: 'a record deletes a row that no receiver has taken',
    kind: 'lost',
    keepsNothing: true,
    plant: draft => {
      const { messageId } = taken(draft)
      for (const arrival of draft.arrivals) if (arrival.messageId === messageId) arrival.answered = 500
      return messageId
    },
  },
  {
    name: 'a row is deleted without a record, and was never sent',
    kind: 'lost',
    keepsNothing: true,
    plant: draft => {
      const { messageId } = taken(draft)
      take(draft.arrivals, arrival => arrival.messageId === messageId)
      return messageId
    },
  },
  {
    name: 'a row arrives before an earlier one of its key is taken, and neither leaves a record',
    kind: 'inversion',
    keepsNothing: true,
    plant: draft => {
      const [first, second] = takenPair(draft)
      const earlier = pick(draft.arrivals, ({ messageId }) => messageId === first)
      pick(draft.arrivals, ({ messageId }) => messageId === second).at = earlier.at - 1
      return second
    },
  },
  {
    name: 'the client sends the same attempt twice, of which nothing is kept',
    kind: 'unexplained',
    keepsNothing: true,
    plant: draft => {
      const { messageId } = taken(draft)
      const arrival = pick(draft.arrivals, each => each.messageId === messageId)
      draft.arrivals.push({ ...arrival, at: arrival.at + 1 })
      return messageId
    },
  },
  {
    name: 'what was rolled back arrives',
    kind: 'phantom',
    plant: draft => {
      const { messageId } = pick(draft.written, ({ committedAt }) => committedAt === null)
      draft.arrivals.push({ messageId, attempt: 1, body: `n=${messageId.slice(1)}`, at: 10, answered: 200 })
      return messageId
    },
  },
  {
    name: 'what was cancelled arrives',
    kind: 'phantom',
    plant: draft => {
      const row = pick(draft.callbacks, ({ status, key }) => status === 'cancelled' && key === null)
      const at = row.settledAt ?? 0
      row.attempts = 1
      draft.attempts.push({
        messageId: row.messageId,
        attempt: 1,
        startedAt: at,
        finishedAt: at,
        outcome: 'failed',
        httpStatus: 500,
      })
      draft.arrivals.push({ messageId: row.messageId, attempt: 1, body: `n=${row.id}`, at: 10, answered: 500 })
      return row.messageId
    },
  },
  {
    name: 'an attempt starts after the cancel, of which nobody kept a book',
    kind: 'phantom',
    plant: draft => {
      const row = pick(draft.callbacks, ({ status, key }) => status === 'cancelled' && key === null)
      take(draft.acts, ({ messageId }) => messageId === row.messageId)
      const at = (row.settledAt ?? 0) + 1
      row.attempts = 1
      draft.attempts.push({
        messageId: row.messageId,
        attempt: 1,
        startedAt: at,
        finishedAt: at,
        outcome: 'unknown',
        httpStatus: null,
      })
      return row.messageId
    },
  },
  {
    name: 'a row starts, by the record, before an earlier one of its key is settled',
    kind: 'inversion',
    plant: draft => {
      const [first, second] = pair(draft)
      const settled = pick(draft.callbacks, row => row.messageId === first).settledAt ?? 0
      pick(draft.attempts, ({ messageId, attempt }) => messageId === second && attempt === 1).startedAt = settled - 1
      return second
    },
  },
  {
    name: 'a row arrives, by the receiver, before an earlier one of its key is delivered',
    kind: 'inversion',
    options: { ignoreDatabaseTimes: true },
    plant: draft => {
      const [first, second] = pair(draft)
      const delivered = pick(draft.arrivals, ({ messageId, answered }) => messageId === first && answered === 200)
      pick(draft.arrivals, ({ messageId }) => messageId === second).at = delivered.at - 1
      return second
    },
  },
  {
    name: 'a row starts while an earlier one of its key has never been settled',
    kind: 'inversion',
    plant: draft => {
      const [first, second] = pair(draft)
      const row = pick(draft.callbacks, ({ messageId }) => messageId === first)
      Object.assign(row, { status: 'pending', settledAt: null, dueAt: row.createdAt })
      const own = draft.attempts.filter(({ messageId }) => messageId === first)
      for (const attempt of own) Object.assign(attempt, { outcome: 'failed', httpStatus: 500 })
      for (const arrival of draft.arrivals) if (arrival.messageId === first) arrival.answered = 500
      return second
    },
  },
  {
    name: 'the client sends the same attempt twice',
    kind: 'unexplained',
    plant: draft => {
      const { messageId } = simple(draft)
      const arrival = pick(draft.arrivals, each => each.messageId === messageId)
      draft.arrivals.push({ ...arrival, at: arrival.at + 1 })
      return messageId
    },
  },
  {
    name: 'a delivered row is sent once more',
    kind: 'unexplained',
    plant: draft => {
      const { messageId, id } = simple(draft)
      const arrival = pick(draft.arrivals, each => each.messageId === messageId)
      const attempt = pick(draft.attempts, each => each.messageId === messageId)
      draft.arrivals.push({ ...arrival, at: arrival.at + 1, attempt: 2 })
      draft.attempts.push({ ...attempt, attempt: 2 })
      pick(draft.callbacks, row => row.id === id).attempts = 2
      return messageId
    },
  },
  {
    name: 'an arrival has no attempt on record',
    kind: 'unrecorded',
    plant: draft => {
      const { messageId } = pick(draft.callbacks, ({ status, attempts }) => status === 'dead' && attempts === 1)
      take(draft.attempts, each => each.messageId === messageId)
      return messageId
    },
  },
  {
    name: 'a claim is never told of again',
    kind: 'unrecorded',
    plant: draft => {
      const { messageId } = simple(draft)
      pick(draft.callbacks, row => row.messageId === messageId).attempts = 2
      return messageId
    },
  },
  {
    name: 'what the receiver refused is on record as delivered',
    kind: 'misrecorded',
    plant: draft => {
      const { messageId } = simple(draft)
      pick(draft.arrivals, each => each.messageId === messageId).answered = 500
      return messageId
    },
  },
  {
    name: 'what the receiver never answered is on record as delivered',
    kind: 'misrecorded',
    plant: draft => {
      const { messageId } = simple(draft)
      pick(draft.arrivals, each => each.messageId === messageId).answered = null
      return messageId
    },
  },
  {
    name: 'what never arrived is on record as delivered',
    kind: 'misrecorded',
    plant: draft => {
      const { messageId } = simple(draft)
      take(draft.arrivals, each => each.messageId === messageId)
      return messageId
    },
  },
  {
    name: 'the wrong status is on record',
    kind: 'misrecorded',
    plant: draft => {
      const attempt = pick(draft.attempts, ({ outcome }) => outcome === 'failed')
      attempt.httpStatus = 500
      return attempt.messageId
    },
  },
  {
    name: 'what arrived is on record as not sent',
    kind: 'misrecorded',
    plant: draft => {
      const attempt = pick(draft.attempts, ({ outcome }) => outcome === 'not_sent')
      const { messageId } = attempt
      const at = attempt.startedAt - (draft.callbacks[0]?.createdAt ?? 0) + (draft.written[0]?.insertingAt ?? 0)
      draft.arrivals.push({ messageId, attempt: attempt.attempt, body: null, at, answered: null })
      return messageId
    },
  },
  {
    name: 'a row is delivered by no attempt',
    kind: 'misrecorded',
    plant: draft => {
      const { messageId } = simple(draft)
      Object.assign(
        pick(draft.attempts, each => each.messageId === messageId),
        { outcome: 'unknown', httpStatus: null },
      )
      return messageId
    },
  },
  {
    name: 'a body is changed on the way',
    kind: 'altered',
    plant: draft => {
      const arrival = pick(draft.arrivals, ({ body }) => body !== null)
      arrival.body = `${arrival.body} `
      return arrival.messageId
    },
  },
  {
    name: 'a claim is older than lease and deadline',
    kind: 'stuck',
    plant: draft => {
      const { messageId, id } = simple(draft)
      const row = pick(draft.callbacks, each => each.id === id)
      Object.assign(row, { status: 'claimed', claimedAt: newest(draft) - 100_000, settledAt: null })
      Object.assign(
        pick(draft.attempts, each => each.messageId === messageId),
        { outcome: 'unknown', httpStatus: null },
      )
      return messageId
    },
  },
  {
    name: 'a row is due and untouched',
    kind: 'stuck',
    plant: draft => {
      const { messageId, id } = simple(draft)
      const row = pick(draft.callbacks, each => each.id === id)
      Object.assign(row, { status: 'pending', attempts: 0, settledAt: null, createdAt: newest(draft) - 700_000 })
      take(draft.attempts, each => each.messageId === messageId)
      take(draft.arrivals, each => each.messageId === messageId)
      return messageId
    },
  },
]

export function cleanHistory(seed: number): Draft {
  return history({ seed, callbacks: 400, keys: 20 })
}

/** As `cleanHistory`, of a relay that deletes delivered rows at once. */
export function unkeptHistory(seed: number): Draft {
  return withoutDelivered(cleanHistory(seed))
}

/** Makes a cancelled row a superseded one. @param by the id of the row that superseded it. */
export function superseded(draft: Draft, by: (row: CallbackRow) => string): string {
  const row = pick(draft.callbacks, ({ id, key, status }) => status === 'cancelled' && key !== null && Number(id) > 20)
  take(draft.acts, ({ messageId }) => messageId === row.messageId)
  row.lastError = `superseded by ${by(row)}`
  return row.messageId
}

/** A row without a key that was sent once, taken and deleted. */
function taken(draft: Draft): Draft['arrivals'][number] {
  return pick(draft.arrivals, ({ messageId }) => {
    return (
      isTakenAtOnce(draft, messageId) && draft.written.some(each => each.messageId === messageId && each.key === null)
    )
  })
}

/** Two rows of one key, next to each other, both taken at the first attempt and deleted. */
function takenPair(draft: Draft): readonly [string, string] {
  const last = new Map<string, string>()
  for (const { key, messageId, committedAt } of draft.written) {
    if (key === null || committedAt === null) continue
    const before = last.get(key)
    if (before !== undefined && isTakenAtOnce(draft, before) && isTakenAtOnce(draft, messageId))
      return [before, messageId]
    last.set(key, messageId)
  }
  throw new Error('the history has no two such rows: take another seed')
}

function isTakenAtOnce(draft: Draft, messageId: string): boolean {
  const arrivals = draft.arrivals.filter(each => each.messageId === messageId)
  const isGone = !draft.callbacks.some(each => each.messageId === messageId)
  return isGone && arrivals.length === 1 && arrivals[0]?.answered === 200 && known(draft, messageId)
}

/** A row without a key that was delivered at its first attempt, and whose commit is certain. */
function simple(draft: Draft): { readonly messageId: string; readonly id: string } {
  return pick(draft.callbacks, ({ key, status, attempts, budgetFrom, messageId }) => {
    return key === null && status === 'delivered' && attempts === 1 && budgetFrom === 0 && known(draft, messageId)
  })
}

/** Message ids of two rows of one key, next to each other, both delivered at the first attempt. */
function pair(draft: Draft): readonly [string, string] {
  const last = new Map<string, string>()
  const isPlain = new Set(
    draft.callbacks.flatMap(({ messageId, status, attempts, budgetFrom }) =>
      status === 'delivered' && attempts === 1 && budgetFrom === 0 && known(draft, messageId) ? messageId : [],
    ),
  )
  for (const { key, messageId } of draft.callbacks) {
    if (key === null) continue
    const before = last.get(key)
    if (before !== undefined && isPlain.has(before) && isPlain.has(messageId)) return [before, messageId]
    last.set(key, messageId)
  }
  throw new Error('the history has no two such rows: take another seed')
}

function known(draft: Draft, messageId: string): boolean {
  return typeof draft.written.find(each => each.messageId === messageId)?.committedAt === 'number'
}

function newest({ callbacks }: Draft): number {
  return Math.max(...callbacks.map(({ settledAt }) => settledAt ?? 0))
}

function pick<T>(from: readonly T[], suits: (each: T) => boolean): T {
  const found = from.find(suits)
  if (found === undefined) throw new Error('the history has no such row: take another seed')
  return found
}

function take<T>(from: T[], suits: (each: T) => boolean): void {
  from.splice(0, from.length, ...from.filter(each => !suits(each)))
}
