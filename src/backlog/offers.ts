import { compareIds } from '../ids.ts'
import type { ShownRow } from '../model.ts'
import type { Behind, OfferKind } from './behind.ts'
import type { Memory } from './memory.ts'
import type { Messages } from './messages.ts'
import type { Candidate } from './origin-backlog.ts'
import type { Questions } from './questions.ts'
import { isLater } from './shown-row.ts'

export interface OffersParts {
  readonly memory: Memory
  readonly behind: Behind
  readonly questions: Questions
  readonly messages: Messages
  readonly isMine: (origin: string) => boolean
  /** Most rows in memory. */
  readonly mostRows: number
}

/**
 * What happens to a row that was read, and to a row that leaves memory unsettled. A row read is admitted, passed over,
 * or noted behind another of its key.
 */
export class Offers {
  readonly #parts: OffersParts

  constructor(parts: OffersParts) {
    this.#parts = parts
  }

  /** A row that is due, or claimed here. */
  offer(row: ShownRow, kind: OfferKind): void {
    const { memory, messages } = this.#parts
    const known = memory.get(row.id)
    if (known?.state === 'under way') keepNewer(known, row)
    else if (row.standing === 'claimed here') messages.release(row)
    else if (known?.row.origin === row.origin) memory.correct(known, row)
    else {
      // An operator has changed its URL: it is taken in at its new origin.
      if (known) memory.remove(known)
      this.#offerNew(row, kind)
    }
  }

  /** The first unsettled row of a key, in any state. @param isOwn an act of this relay made it the first. */
  offerFirst(row: ShownRow, isOwn: boolean): void {
    const { memory, messages, isMine } = this.#parts
    const occupant = memory.occupant(row.orderingKey)
    // The statement that ends the occupant may have seen less than this one, and may name a row that is settled by
    // then. So the key is asked for again.
    if (occupant?.state === 'under way') occupant.asks = true
    if (occupant?.id === row.id && occupant.row.origin === row.origin) return
    const mine = isMine(row.origin)
    if (mine && row.standing === 'due') this.offer(row, 'first')
    else {
      if (occupant && occupant.state !== 'under way' && occupant.id !== row.id) this.leave(occupant)
      if (row.standing === 'claimed here' && memory.get(row.id)?.state !== 'under way') messages.release(row)
      else if (!mine && isOwn) messages.hint(row)
    }
  }

  /** No row of the key is unsettled. A row written after the answer is found by the next pull. */
  noneOf(key: string | null): void {
    const occupant = this.#parts.memory.occupant(key)
    if (occupant && occupant.state !== 'under way') this.leave(occupant)
  }

  /** A row that was not admitted, or left memory unsettled. The next pull of its origin reads it again. */
  passOver(row: ShownRow): void {
    const { memory } = this.#parts
    const origin = memory.meetOf(row)
    origin.rangeOf(row).passOver(row)
    memory.update(origin)
  }

  /** The row leaves memory unsettled, and may come back at once. */
  leave(candidate: Candidate): void {
    const { memory, isMine } = this.#parts
    memory.remove(candidate)
    this.askForEarlier(candidate)
    const row = candidate.newer ?? candidate.row
    if (isMine(row.origin)) this.passOver(row)
  }

  /** The row leaves memory unsettled. The due tip shows it when it is due, or has shown it already. */
  leaveUntilDue(candidate: Candidate): void {
    this.#parts.memory.remove(candidate)
    this.askForEarlier(candidate)
    this.offerNewer(candidate)
  }

  /** The row is no longer under way. It stays in memory if this relay still owns its origin. */
  stay(candidate: Candidate, state: 'ready' | 'resting'): void {
    const { memory, isMine } = this.#parts
    if (candidate.newer) memory.correct(candidate, candidate.newer)
    if (isMine(candidate.row.origin)) {
      memory.become(candidate, state)
      this.askForEarlier(candidate)
    } else this.leave(candidate)
  }

  /**
   * Asks for the first row of the key if an earlier row was passed over meanwhile, or if the key must be asked for
   * anyway.
   */
  askForEarlier(candidate: Candidate): void {
    const { orderingKey, passedOver, asks } = candidate
    if ((passedOver || asks) && orderingKey !== null) this.#parts.questions.ask(orderingKey)
    candidate.passedOver = undefined
    candidate.asks = false
  }

  offerNewer({ newer }: Candidate): void {
    if (newer) this.offer(newer, 'tip')
  }

  #offerNew(row: ShownRow, kind: OfferKind): void {
    const { memory, isMine } = this.#parts
    const occupant = memory.occupant(row.orderingKey)
    // This comes before the check of ownership: the owner of the row may not know that it is first. When the occupant
    // ends, a hint tells the owner.
    if (occupant?.state === 'under way') noteEarliest(occupant, row)
    else if (isMine(row.origin) && (!occupant || this.#displaces(row, kind, occupant))) this.#takeIn(row, kind)
  }

  /** An occupant that is not under way gives way to an earlier row, and to one known to be the first. */
  #displaces(row: ShownRow, kind: OfferKind, occupant: Candidate): boolean {
    if (kind === 'first' || compareIds(row.id, occupant.id) < 0) {
      this.leave(occupant)
      return true
    }
    // The pull says that the occupant is no longer the first of the key. A tip says no such thing, but the occupant may
    // be settled by now: if it leaves memory before a claim finds out, nobody else knows of this row.
    if (kind === 'head' && row.orderingKey !== null) this.#parts.questions.ask(row.orderingKey)
    else {
      occupant.asks = true
      occupant.isFollowed = true
    }
    return false
  }

  #takeIn(row: ShownRow, kind: OfferKind): void {
    const { memory, behind } = this.#parts
    const origin = memory.meetOf(row)
    // Earlier rows of the range wait in the table, and this one waits behind them.
    const waitsBehind = kind === 'tip' && origin.rangeOf(row).isBehind
    if (waitsBehind || !behind.hasRoom(origin, kind) || !this.#makePlace()) this.passOver(row)
    else memory.admit(row)
  }

  /** When memory is full, the least recently admitted row leaves, unless all are under way. */
  #makePlace(): boolean {
    const { memory, mostRows } = this.#parts
    if (memory.size < mostRows) return true
    if (memory.oldest) this.leave(memory.oldest)
    return memory.size < mostRows
  }
}

function keepNewer(known: Candidate, row: ShownRow): void {
  if (isLater(row, known.newer ?? known.row)) known.newer = row
}

function noteEarliest(occupant: Candidate, row: ShownRow): void {
  const noted = occupant.passedOver
  if (!noted || compareIds(row.id, noted.id) <= 0) occupant.passedOver = row
}
