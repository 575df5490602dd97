import { compareIds } from '../ids.ts'
import type { ShownRow } from '../model.ts'
import type { Behind } from './behind.ts'
import type { Memory } from './memory.ts'
import type { Messages } from './messages.ts'
import type { Candidate } from './origin-backlog.ts'
import type { Questions } from './questions.ts'
import { isLater } from './shown-row.ts'

/**
 * How a row comes to be offered:
 * - `tip`: in the order of the index, whatever stands before it in its key
 * - `head`: a pull has found it first of its key
 * - `first`: a statement of this relay, or an answer to its question, named it as the first unsettled row of its key
 */
export type OfferKind = 'tip' | 'head' | 'first'

export interface OffersParts {
  readonly memory: Memory
  readonly behind: Behind
  readonly questions: Questions
  readonly messages: Messages
  readonly isMine: (origin: string) => boolean
  /** So many rows are in memory at most. */
  readonly mostRows: number
}

/**
 * What becomes of a row that is shown: it is taken into memory, or passed over, or is known to be behind another; and what
 * becomes of it when it leaves memory unsettled.
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
      // Known of another origin: an operator has changed its URL, and it is taken in anew.
      if (known) memory.remove(known)
      this.#offerNew(row, kind)
    }
  }

  /** The first unsettled row of a key, however it stands. `isOwn`: it is first by what this relay did. */
  offerFirst(row: ShownRow, isOwn: boolean): void {
    const { memory, messages, isMine } = this.#parts
    const occupant = memory.occupant(row.orderingKey)
    // Which of the two statements saw more nobody can tell: the one that ends the occupant may name a row that is settled by then.
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

  /** No row of the key is unsettled, unless it was written after the answer: then the next pull finds it. */
  noneOf(key: string | null): void {
    const occupant = this.#parts.memory.occupant(key)
    if (occupant && occupant.state !== 'under way') this.leave(occupant)
  }

  /** Not taken into memory, or out of it unsettled: the next pull of its origin decides. */
  passOver(row: ShownRow): void {
    const { memory, behind } = this.#parts
    behind.passOver(memory.meetOf(row), row)
  }

  /** It leaves memory unsettled, and may come back at once. */
  leave(candidate: Candidate): void {
    const { memory, isMine } = this.#parts
    memory.remove(candidate)
    this.askForEarlier(candidate)
    const row = candidate.newer ?? candidate.row
    if (isMine(row.origin)) this.passOver(row)
  }

  /** It leaves memory unsettled, and comes back when it is due: the due tip shows it then, or has shown it already. */
  leaveUntilDue(candidate: Candidate): void {
    this.#parts.memory.remove(candidate)
    this.askForEarlier(candidate)
    this.offerNewer(candidate)
  }

  /** It is under way no more, and stays in memory, if its origin has stayed here. */
  stay(candidate: Candidate, state: 'ready' | 'resting'): void {
    const { memory, isMine } = this.#parts
    if (candidate.newer) memory.correct(candidate, candidate.newer)
    if (isMine(candidate.row.origin)) {
      memory.become(candidate, state)
      this.askForEarlier(candidate)
    } else this.leave(candidate)
  }

  /** An earlier row of its key was passed over while it was under way, or its key is to be looked at anyway. */
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
    // Before whose the row is: its owner may not know yet that it is, and hears of it when the occupant ends.
    if (occupant?.state === 'under way') noteEarliest(occupant, row)
    else if (isMine(row.origin) && (!occupant || this.#displaces(row, kind, occupant))) this.#takeIn(row, kind)
  }

  /** One of its key that is not under way gives way to an earlier one, and to one that is known to be the first. */
  #displaces(row: ShownRow, kind: OfferKind, occupant: Candidate): boolean {
    if (kind === 'first' || compareIds(row.id, occupant.id) < 0) {
      this.leave(occupant)
      return true
    }
    // By the pull the occupant is not the first of the key any more. What a tip shows may well stand behind it.
    if (kind === 'head' && row.orderingKey !== null) this.#parts.questions.ask(row.orderingKey)
    return false
  }

  #takeIn(row: ShownRow, kind: OfferKind): void {
    const { memory, behind } = this.#parts
    const origin = memory.meetOf(row)
    // Rows before it wait in the table; it waits behind them.
    const waitsBehind = kind === 'tip' && origin.rangeOf(row).isBehind
    if (waitsBehind || !behind.hasRoom(origin) || !this.#makePlace()) this.passOver(row)
    else memory.admit(row)
  }

  /** When memory is full the least recently admitted row leaves; unless all are under way. */
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
